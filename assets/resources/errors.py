"""The error of a server that cannot be reached, with one plain message."""

from __future__ import annotations


class ServerUnavailableError(Exception):
    """A server that the platform needs does not answer; the next tick tries again."""

    def __init__(self, server: str, address: str, reason: object) -> None:
        super().__init__(
            f"{server} at {address} does not answer ({reason}). "
            "Nothing is lost: the work waits and goes on when it answers again."
        )
