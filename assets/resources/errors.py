"""Errors of the servers that the platform needs, each one plain sentence."""

from __future__ import annotations


class ServerError(Exception):
    """A server does not do what it is needed for; nothing is lost, the next tick tries again."""


class ServerUnavailableError(ServerError):
    """A server does not answer."""

    def __init__(self, server: str, address: str, reason: object) -> None:
        super().__init__(
            f"{server} at {address} does not answer ({reason}). "
            "Nothing is lost: the work waits and goes on when it answers again."
        )


class ServerRefusedError(ServerError):
    """A server answers, and refuses."""

    def __init__(self, server: str, address: str, reason: object) -> None:
        super().__init__(
            f"{server} at {address} refuses ({reason}): is it set up, and is this role allowed? "
            "Nothing is lost: the work waits and goes on when that is mended."
        )
