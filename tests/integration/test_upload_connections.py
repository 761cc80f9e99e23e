"""Requests written by hand: what comes before a body is bounded in bytes, fields and seconds."""

import json
import socket
from contextlib import suppress

import pytest

from services.upload_api.connections import MAX_FIELDS, MAX_HEADER_BYTES, LimitedProtocol
from tests.waiting import wait_until

GET = b"GET /healthz HTTP/1.1\r\n"
HOST = b"Host: x\r\n"
CLOSE = b"Connection: close\r\n"
OPEN_SECONDS = 0.3


@pytest.fixture
def connection(shared_upload_api):
    with socket.create_connection(("127.0.0.1", shared_upload_api.port), timeout=30) as made:
        yield made


@pytest.fixture
def impatient(serve, monkeypatch):
    """A connection to a server that waits for headers only a moment."""
    monkeypatch.setattr(LimitedProtocol, "header_seconds", OPEN_SECONDS)
    with socket.create_connection(("127.0.0.1", serve().port), timeout=30) as made:
        yield made


def rest(connection: socket.socket) -> bytes:
    """Reads until the server closes the connection."""
    said = b""
    while piece := connection.recv(65536):
        said += piece
    return said


def one_answer(connection: socket.socket) -> bytes:
    """Reads the answer to `GET`, which may come in several pieces; the connection stays open."""
    said = b""
    while not said.endswith(b'{"status":"ok"}'):
        piece = connection.recv(65536)
        assert piece, said
        said += piece
    return said


def status(connection: socket.socket, *sent: bytes) -> int:
    for piece in sent:
        connection.sendall(piece)
    return int(rest(connection).split(b" ", 2)[1])


def header(size_bytes: int) -> bytes:
    return b"X-Filler: " + b"x" * (size_bytes - len(b"X-Filler: \r\n")) + b"\r\n"


def test_as_many_bytes_of_headers_as_allowed_are_accepted_and_one_more_is_not(shared_upload_api):
    others = len("/healthz") + len(HOST + CLOSE)
    for size_bytes, expected in ((MAX_HEADER_BYTES, 200), (MAX_HEADER_BYTES + 1, 431)):
        with socket.create_connection(("127.0.0.1", shared_upload_api.port), timeout=30) as made:
            filler = header(size_bytes - others)
            assert status(made, GET + HOST + CLOSE + filler + b"\r\n") == expected


@pytest.mark.parametrize(("fields", "expected"), [(MAX_FIELDS, 200), (MAX_FIELDS + 1, 431)])
def test_as_many_fields_as_allowed_are_accepted_and_one_more_is_not(connection, fields, expected):
    more = b"".join(b"X-%d: 1\r\n" % number for number in range(fields - 2))
    assert status(connection, GET + HOST + CLOSE + more + b"\r\n") == expected


@pytest.mark.parametrize("begin", [GET + b"X-Filler: ", b"GET /", GET])
def test_headers_that_never_end_are_refused_before_they_fill_the_memory(connection, begin):
    connection.sendall(begin)
    piece = b"x" * 1024 if not begin.endswith(b"\n") else b"X: y\r\n" * 200
    for _ in range(MAX_HEADER_BYTES // len(piece) + 1):
        connection.sendall(piece)
    assert rest(connection).startswith(b"HTTP/1.1 431 ")


def test_a_refusal_is_a_problem(connection):
    connection.sendall(GET + HOST + header(MAX_HEADER_BYTES) + b"\r\n")
    head, _, body = rest(connection).partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    assert b"connection: close" in head
    problem = json.loads(body)
    assert (problem["status"], problem["type"]) == (431, "urn:darkroom:problem:headers-too-large")


def test_trailers_and_chunk_extensions_are_bounded_as_headers_are(shared_upload_api):
    head = b"POST /v1/images HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    head += f"Authorization: Bearer {shared_upload_api.key}\r\n\r\n".encode()
    for begin in (b"1;", b"0\r\nX-Filler: "):
        with socket.create_connection(("127.0.0.1", shared_upload_api.port), timeout=30) as made:
            made.sendall(head + begin)
            with suppress(ConnectionError):  # it is closed while more is on its way
                for _ in range(1024):
                    made.sendall(b"x" * 1024)
                assert rest(made).startswith(b"HTTP/1.1 431 ")
            with pytest.raises(ConnectionError):
                made.sendall(b"x" * 10_000_000)


@pytest.mark.parametrize("hosts", [b"", HOST + b"Host: y\r\n"], ids=["none", "two"])
def test_a_request_without_exactly_one_host_is_refused(connection, hosts):
    assert status(connection, GET + hosts + b"\r\n") == 400


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        b"Content-Length: 3\r\nContent-Length: 4\r\n",
        b"Content-Length: +3\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"X: y\r\n Content-Length: 3\r\n",
        b"X: y\nContent-Length: 3\r\n",
    ],
)
def test_a_body_whose_length_two_servers_could_read_differently_is_refused(connection, framing):
    """What follows is not taken for a second request: there is one answer."""
    hidden = b"0\r\n\r\n" + GET + HOST + b"\r\n"
    connection.sendall(b"POST /v1/uploads HTTP/1.1\r\n" + HOST + framing + b"\r\n" + hidden)
    said = rest(connection)
    assert said.startswith(b"HTTP/1.1 400 ")
    assert said.count(b"HTTP/1.1 ") == 1


def test_half_sent_headers_are_closed_after_a_while_however_they_trickle(impatient):
    impatient.sendall(GET)
    impatient.settimeout(OPEN_SECONDS / 10)

    def is_closed() -> bool:
        try:
            impatient.sendall(b"X: y\r\n")
            return impatient.recv(100) == b""
        except TimeoutError:
            return False
        except ConnectionError:
            return True

    wait_until(is_closed, "the connection to be closed")


def test_a_connection_on_which_nothing_is_sent_is_closed_after_a_while(impatient):
    assert rest(impatient) == b""


def test_a_connection_is_kept_between_requests_and_not_with_half_of_the_next(impatient):
    request = GET + HOST + b"\r\n"
    for _ in range(2):
        impatient.sendall(request)
        assert one_answer(impatient).startswith(b"HTTP/1.1 200 ")
        impatient.settimeout(3 * OPEN_SECONDS)
        with pytest.raises(TimeoutError):
            impatient.recv(1)
        impatient.settimeout(30)
    impatient.sendall(request[:-2])
    assert rest(impatient) == b""


def test_empty_lines_do_not_keep_a_connection(impatient):
    impatient.sendall(GET + HOST + b"\r\n")
    assert one_answer(impatient).startswith(b"HTTP/1.1 200 ")
    impatient.sendall(b"\r\n")
    assert rest(impatient) == b""


def test_requests_sent_at_once_are_answered_in_order(connection):
    connection.sendall(GET + HOST + b"\r\nGET /nowhere HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n")
    said = rest(connection)
    assert said.startswith(b"HTTP/1.1 200 ")
    assert said.count(b"HTTP/1.1 404 ") == 1


def test_a_malformed_request_is_not_answered_in_the_place_of_the_one_before(connection):
    connection.sendall(GET + HOST + b"\r\n" + GET + b"\r\n")
    assert rest(connection)[:13] in {b"", b"HTTP/1.1 200 "}
