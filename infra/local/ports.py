"""Where the embedded servers listen on 127.0.0.1."""

from __future__ import annotations

import random
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from itertools import islice

from assets.errors import StackError


@dataclass(frozen=True)
class Ports:
    """TCP ports of the embedded servers on 127.0.0.1.

    All are below 32768, where Linux begins to assign ports to outgoing connections: such a
    connection would keep a server from starting.
    """

    postgres: int = 15432
    s3: int = 14566
    kafka: int = 19092
    dagster: int = 3000
    kafka_controller: int = 19093
    upload_api: int = 18080
    upload_metrics: int = 18081
    edge: int = 18000

    @staticmethod
    def from_environment(env: Mapping[str, str]) -> Ports:
        """Reads POSTGRES_PORT, S3_PORT, UPLOAD_PORT and their like, as far as they are set.

        Raises `StackError` for a value that is no port.
        """
        variables = {name: f"{name.upper()}_PORT" for name in asdict(Ports())}
        variables["upload_api"] = "UPLOAD_PORT"
        set_ones = {name: variable for name, variable in variables.items() if env.get(variable)}
        return Ports(**{name: _port(var, env[var]) for name, var in set_ones.items()})


def free_ports() -> Ports:
    """Returns ports for a short-lived stack: nothing listens on them.

    No other call in any process returns them as long as this process lives.
    """
    candidates = random.sample(range(20_000, 32_000), k=200)
    found = (port for port in candidates if _is_free(port) and _reserve(port))
    return Ports(*islice(found, len(fields(Ports))))


_reservations: list[socket.socket] = []


def _reserve(port: int) -> bool:
    """Binds a name that one process can hold; the kernel frees it when the process ends."""
    reservation = socket.socket(socket.AF_UNIX)
    try:
        reservation.bind(f"\0darkroom-port-{port}")
    except OSError:
        reservation.close()
        return False
    _reservations.append(reservation)
    return True


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def _port(variable: str, value: str) -> int:
    if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= 65535:
        raise StackError(f"A port must be a whole number: {variable} is “{value}”, not 1 to 65535.")
    return int(value)
