"""What every error of PostgreSQL means: server down, refused, this item, or a bug of our own.

`MEANINGS` is the only place that decides; by SQLSTATE, and by its class where a whole class means
the same. Source: PostgreSQL documentation, appendix A, “PostgreSQL Error Codes”.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import psycopg

from assets.errors import ItemRefusedError, Meaning, ServerRefusedError, ServerUnavailableError

MEANINGS: Final[Mapping[str, Meaning]] = {
    # Connection, rollback (deadlock), resources (disk, connections), lock, shutdown or time, files.
    **dict.fromkeys(("08", "40", "53", "55006", "55P03", "57", "58", "72"), ServerUnavailableError),
    # The session was idle too long, as that of a process that was stopped.
    **dict.fromkeys(("25P03", "25P04"), ServerUnavailableError),
    # Connection rejected, grantor, role, password, database, privilege, standby, dropped database.
    **dict.fromkeys(("08004", "0L", "0P", "28", "3D", "42501", "25006"), ServerRefusedError),
    **dict.fromkeys(("57P04", "F0"), ServerRefusedError),
    # Value, constraint, check option of a view, size of a value.
    **dict.fromkeys(("22", "23", "44", "54000"), ItemRefusedError),
    # Statements, cursors, transactions and functions that are not right, and bugs of the server.
    **dict.fromkeys(("02", "03", "08P01", "09", "0A", "0B", "0F", "0Z", "10", "20", "21"), None),
    **dict.fromkeys(("24", "25", "26", "27", "2B", "2D", "2F", "34", "38", "39", "3B", "3F"), None),
    **dict.fromkeys(("42", "54", "55", "HV", "P0", "XX"), None),
}
"""What an SQLSTATE, or else its class, means; None for a bug of our own."""

_VALUES_IN_TEXT = "22"
# libpq gives no SQLSTATE for a connection that fails, only the server's text (elog.c, postinit.c).
_STATES_OF_CONNECTING = (
    (r"the database system is |not accepting connections", "57P03"),
    (r"terminating connection", "57P01"),
    (r"too many (clients|connections)|remaining connection slots", "53300"),
    (r"No space left", "53100"),
    (r"permission denied for database", "42501"),
    (r"FATAL:  database .* does not exist", "3D000"),
    (r"password authentication failed|no password supplied", "28P01"),
    (r"FATAL:", "28000"),
)


def sqlstate(error: psycopg.Error) -> str | None:
    """Returns an error's SQLSTATE, also of a connection that the server refused.

    None when no server has answered, or the error is not a server's.
    """
    if error.sqlstate is not None or not isinstance(error, psycopg.OperationalError):
        return error.sqlstate
    text = str(error)
    return next((state for found, state in _STATES_OF_CONNECTING if re.search(found, text)), None)


def meaning(error: psycopg.Error) -> Meaning:
    """Returns as what an error is to be raised; None when it is a bug of our own."""
    state = sqlstate(error)
    if state is None:
        is_lost = isinstance(error, psycopg.OperationalError)
        return ServerUnavailableError if is_lost else None
    return MEANINGS.get(state, MEANINGS.get(state[:2]))


def describe(error: psycopg.Error) -> str:
    """Describes an error in one line, without the values of rows."""
    if error.sqlstate is None:
        return next(iter(str(error).strip().splitlines()), type(error).__name__)
    named = f"{error.sqlstate} {type(error).__name__}"
    if error.sqlstate.startswith(_VALUES_IN_TEXT):
        return named
    return f"{named}: {error.diag.message_primary}"


@contextmanager
def translated(address: str) -> Iterator[None]:
    """Raises PostgreSQL's errors inside the block as what they mean, bugs of our own as they are.

    Their texts lose what may quote values of rows: the details, the context, and text about values.

    Args:
        address: Host and port, as the messages name them.
    """
    try:
        yield
    except psycopg.Error as error:
        if error.sqlstate is not None:
            error.args = (describe(error),)
        if (found := meaning(error)) is None:
            raise
        raise found("PostgreSQL", address, describe(error)) from error
