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

    All below 32768, where Linux begins to hand ports to outgoing connections: one of those, gone a
    moment later, would keep a server from starting.
    """

    postgres: int = 15432
    s3: int = 14566
    kafka: int = 19092
    dagster: int = 3000
    kafka_controller: int = 19093
    upload_api: int = 18080

    @staticmethod
    def from_environment(env: Mapping[str, str]) -> Ports:
        """Takes POSTGRES_PORT, S3_PORT, KAFKA_PORT, DAGSTER_PORT, UPLOAD_PORT if they are set."""
        variables = {name: f"{name.upper()}_PORT" for name in asdict(Ports())}
        variables["upload_api"] = "UPLOAD_PORT"
        named = {name: env.get(variable) for name, variable in variables.items()}
        return Ports(
            **{name: _port(variables[name], value) for name, value in named.items() if value}
        )


def free_ports() -> Ports:
    """Returns ports for a stack that lives briefly: nothing listens there.

    No other call returns them as long as this process lives, in whichever process it is made.
    """
    candidates = random.sample(range(20_000, 32_000), k=200)
    found = (port for port in candidates if _is_free(port) and _reserve(port))
    return Ports(*islice(found, len(fields(Ports))))


_reservations: list[socket.socket] = []


def _reserve(port: int) -> bool:
    """Takes a name that only one process can have; the kernel frees it when the process ends."""
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
