"""A server of the stack that is one line of Python, for tests of starting and ending servers."""

import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.local.server import Server, accepts_connections
from infra.local.state import StateFolder

LISTEN = "import socket, sys, time; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); "
WAIT = "time.sleep(60)"

MakeServer = Callable[..., Server]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def tiny_servers(folder: Path) -> Iterator[MakeServer]:
    """Makes servers of one program each, all under one name in one folder, and ends them."""
    made: list[Server] = []
    port = free_port()

    def make(program: str = LISTEN + WAIT, **changes: object) -> Server:
        told: dict[str, object] = {
            "name": "tiny",
            "title": "Tiny",
            "argv": (sys.executable, "-S", "-c", program, str(port)),
            "ports": {"TINY_PORT": port},
            "is_ready": lambda: accepts_connections(port),
            "state": StateFolder(folder),
            "start_seconds": 10.0,
            "stop_seconds": 5.0,
        }
        made.append(Server(**told | changes))  # type: ignore[arg-type]
        return made[-1]

    try:
        yield make
    finally:
        for server in made:
            server.stop()
