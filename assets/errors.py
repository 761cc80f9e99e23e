"""The errors that people see: each message is a sentence that says what to do."""

from __future__ import annotations


class DarkroomError(Exception):
    """The base of all errors whose message is meant for a person."""


class ServerError(DarkroomError):
    """A server does not do its work; nothing is lost, the next tick retries."""


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


class StackError(DarkroomError):
    """The local servers cannot do what was asked for."""


class AccessError(DarkroomError):
    """The warehouse cannot be brought to what the access file says."""


class TopicError(DarkroomError):
    """The topic, its file or the images for it are not as they must be."""


class ApiKeyError(DarkroomError):
    """There is no such key of the upload API."""
