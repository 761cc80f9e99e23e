"""The campaign's proxies on real sockets: they pass on, cut, refuse, delay, and heal."""

import socket
from collections.abc import Iterator
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread

import pytest

from tests.campaigns.chaos.proxy import Network, Proxy
from tests.unit.tiny_server import free_port


class Echo(BaseRequestHandler):
    """Sends everything back."""

    def handle(self) -> None:
        while piece := self.request.recv(65536):
            self.request.sendall(piece)


class Server(ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@pytest.fixture
def echo() -> Iterator[int]:
    with Server(("127.0.0.1", 0), Echo) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture
def network(echo: int) -> Iterator[Network]:
    made = Network({"echo": Proxy(free_port(), echo)})
    with made.running():
        yield made


def connect(network: Network) -> socket.socket:
    return socket.create_connection(("127.0.0.1", network.proxies["echo"].port), timeout=5)


def ask(connection: socket.socket, said: bytes) -> bytes:
    connection.sendall(said)
    answer = b""
    while len(answer) < len(said):
        piece = connection.recv(65536)
        if not piece:
            raise ConnectionError("the connection ended in the middle of an answer")
        answer += piece
    return answer


def test_what_is_said_arrives_and_the_answer_comes_back(network):
    with connect(network) as connection:
        assert ask(connection, b"hello") == b"hello"


def test_a_large_answer_comes_back_whole(network):
    said = bytes(range(256)) * 4096
    with connect(network) as connection:
        sender = Thread(target=connection.sendall, args=[said])
        sender.start()
        answer = b""
        while len(answer) < len(said):
            answer += connection.recv(65536)
        sender.join()
    assert answer == said


def test_a_side_that_has_said_everything_still_hears_the_answer(network):
    with connect(network) as connection:
        connection.sendall(b"the end")
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    assert answer == b"the end"


def test_a_cut_drops_connections_in_their_middle(network):
    with connect(network) as connection:
        ask(connection, b"hello")
        network.cut("echo")
        with pytest.raises(ConnectionError):
            ask(connection, b"are you there")


def test_a_cut_refuses_new_connections(network):
    network.cut("echo")
    with pytest.raises(ConnectionRefusedError):
        connect(network)


def test_after_a_cut_connections_are_passed_on_again(network):
    network.cut("echo")
    network.restore("echo")
    with connect(network) as connection:
        assert ask(connection, b"again") == b"again"


def test_a_delay_holds_pieces_back_and_loses_none(network):
    network.delay("echo", 600)
    with connect(network) as connection:
        connection.sendall(b"later")
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(1)


def test_a_mended_delay_is_over(network):
    network.delay("echo", 600)
    network.restore("echo")
    with connect(network) as connection:
        assert ask(connection, b"now") == b"now"


def test_a_server_that_is_down_is_a_broken_connection(network):
    network.proxies["echo"].upstream = free_port()
    with connect(network) as connection, pytest.raises(ConnectionError):
        ask(connection, b"anybody")


def test_when_it_is_over_nobody_listens(network, echo):
    own = Network({"echo": Proxy(free_port(), echo)})
    with own.running(), connect(own) as connection:
        ask(connection, b"hello")
    with pytest.raises(ConnectionRefusedError):
        connect(own)
