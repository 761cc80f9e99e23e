"""Errors whose messages people see: each is a sentence that says what to do."""


class DarkroomError(Exception):
    """The base of all errors whose message is meant for a person."""


class ServerError(DarkroomError):
    """A server cannot do its work; nothing is lost, and the next tick retries."""


class ServerUnavailableError(ServerError):
    """A server does not answer."""

    def __init__(self, server: str, address: str, reason: object) -> None:
        super().__init__(
            f"{server} at {address} does not answer ({reason}). "
            "Nothing is lost: work waits and continues when it answers again."
        )


class ServerRefusedError(ServerError):
    """A server answers, and refuses the request."""

    def __init__(self, server: str, address: str, reason: object) -> None:
        super().__init__(
            f"{server} at {address} refuses the request ({reason}): is it set up, and is this role "
            "allowed to do it? Nothing is lost: work waits and continues when that is fixed."
        )


class ItemRefusedError(DarkroomError):
    """A server refuses one item, such as a message or a row, and serves others."""

    def __init__(self, server: str, address: str, reason: object) -> None:
        super().__init__(f"{server} at {address} refuses one item ({reason}), and serves others.")


Meaning = type[ServerUnavailableError] | type[ServerRefusedError] | type[ItemRefusedError] | None
"""What an error of a server means: it is down, it refuses, it refuses this item, or None for a
bug of our own, which is raised as it is."""


class TablesVersionError(ServerError):
    """The tables of the warehouse have another migration than this program works with."""

    def __init__(self, address: str, found: str | None, known: str) -> None:
        if found is not None and found > known:
            message = (
                f"The tables of PostgreSQL at {address} are of a newer version (migration {found}) "
                f"than this program, which knows them up to {known}: use the newer program, or "
                "restore a backup that was taken before the upgrade. Nothing was changed."
            )
        else:
            message = (
                f"The tables of PostgreSQL at {address} are of an earlier version (migration "
                f"{found or 'unknown'}) than this program, which needs {known}: `darkroom up` "
                "upgrades them. Nothing was changed."
            )
        super().__init__(message)


class RowsRefusedError(DarkroomError):
    """A migration changed nothing, because rows break a rule that it brings."""


class StorageFullError(ServerError):
    """The object store has no space left."""

    def __init__(self, address: str) -> None:
        super().__init__(
            f"S3 at {address} has too little free space and stores nothing more. Nothing is lost: "
            "work waits and continues when there is space again."
        )


class DeletionRefusedError(ServerError):
    """The object store keeps objects that are to be deleted; all others were deleted."""

    def __init__(self, address: str, objects: int, codes: str) -> None:
        super().__init__(
            f"S3 at {address} keeps objects that have to be deleted: {objects:,} ({codes}). An "
            "Object Lock or a legal hold protects them, or this role may not delete them. All "
            "others were deleted; the rows of these stay, hidden from readers, and the next purge "
            "tries them again."
        )


class StackError(DarkroomError):
    """The local servers cannot do what was requested."""


class AccessError(DarkroomError):
    """The access file cannot be applied to the warehouse."""


class TopicError(DarkroomError):
    """The topic, its file or the images for it are not valid."""


class ApiKeyError(DarkroomError):
    """There is no such key of the upload API."""
