"""Trying: one attempt as one subject, in a transaction that is rolled back, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

import psycopg
from psycopg import sql

from assets.access.report.attempts import Attempt

_TRIES = 4
CONNECTION_LIMIT = "connection limit"
_SETTING = "select current_setting(%(name)s)"
_LIMIT = "select rolconnlimit::text from pg_roles where rolname = session_user"
# What refuses is to be a missing privilege, not a session's default that anybody may change.
_SESSION = """
    set default_transaction_read_only = off;
    set lock_timeout = '200ms';
    set statement_timeout = '5s';
    set client_min_messages = error
"""
# What is wrong with a statement before permissions are looked at: syntax, names, types.
_NOT_TRIED = frozenset({"42601", "42P01", "42703", "42883", "42704", "42804", "3F000"})
_BUSY = (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled)


class Outcome(StrEnum):
    """What PostgreSQL answered."""

    ALLOWED = "allowed"
    DENIED = "denied"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Result:
    """An attempt of a subject, and its outcome."""

    subject: str
    attempt: Attempt
    outcome: Outcome
    answer: str = ""

    @property
    def matches_policy(self) -> bool:
        """Tells whether the outcome is what the access file says."""
        wanted = Outcome.ALLOWED if self.attempt.is_allowed else Outcome.DENIED
        return self.outcome is wanted

    def __str__(self) -> str:
        column = f" ({self.attempt.column})" if self.attempt.column else ""
        said = "allowed" if self.attempt.is_allowed else "denied"
        answer = f": {self.answer}" if self.answer else ""
        what = f"{self.attempt.action} {self.attempt.on}{column}".strip()
        return f"{self.subject}, {what}: the file says {said}, PostgreSQL {self.outcome}{answer}."


@contextmanager
def session(conninfo: str) -> Iterator[psycopg.Connection]:
    """Opens a session as it begins for everybody."""
    with psycopg.connect(conninfo, connect_timeout=5, prepare_threshold=None) as connection:
        yield connection
        connection.rollback()


def clear_session_defaults(connection: psycopg.Connection) -> None:
    """Switches off what anybody may switch off, and waits for nobody for long from here on."""
    connection.execute(_SESSION)
    connection.commit()


def check_defaults(
    connection: psycopg.Connection, subject: str, settings: Mapping[str, str]
) -> Iterator[Result]:
    """Yields whether a new session begins with each of the settings."""
    for name, value in settings.items():
        query = _LIMIT if name == CONNECTION_LIMIT else _SETTING
        [(found,)] = connection.execute(query, {"name": name}).fetchall()
        attempt = Attempt("escalations", f"{name} = {value}", "begin with", sql.SQL(""), True)
        outcome = Outcome.ALLOWED if found == value else Outcome.DENIED
        yield Result(subject, attempt, outcome, f"it is {found}")


def run_attempts(
    connection: psycopg.Connection, subject: str, attempts: Iterable[Attempt]
) -> Iterator[Result]:
    """Tries one after the other, and yields what came of each."""
    for attempt in attempts:
        outcome, answer = _try(connection, attempt)
        yield Result(subject, attempt, outcome, answer)


def try_connection(conninfo: str, subject: str, database: str, is_allowed: bool) -> Result:
    """Tries whether a subject can open a session at all."""
    attempt = Attempt("escalations", database, "connect to", sql.SQL(""), is_allowed)
    try:
        psycopg.connect(conninfo, dbname=database, connect_timeout=5).close()
    except psycopg.OperationalError as error:
        answer = " ".join(str(error).split())
        refused = "permission denied for database" in answer
        return Result(subject, attempt, Outcome.DENIED if refused else Outcome.UNDECIDED, answer)
    return Result(subject, attempt, Outcome.ALLOWED)


def _try(connection: psycopg.Connection, attempt: Attempt) -> tuple[Outcome, str]:
    """Tries again what others' locks held up; what only fails later than the permission passed."""
    for _ in range(_TRIES):
        try:
            connection.execute(attempt.statement)
        except _BUSY as error:
            if attempt.locks_last:
                return Outcome.ALLOWED, _first_line(error)
            last = error
        except psycopg.Error as error:
            return _judge(error, attempt), _first_line(error)
        else:
            return Outcome.ALLOWED, ""
        finally:
            connection.rollback()
    return Outcome.UNDECIDED, _first_line(last)


def _judge(error: psycopg.Error, attempt: Attempt) -> Outcome:
    """A refusal from within a function or a trigger comes after the permission to get there."""
    if error.sqlstate in attempt.denied_by and error.diag.context is None:
        return Outcome.DENIED
    return Outcome.UNDECIDED if error.sqlstate in _NOT_TRIED else Outcome.ALLOWED


def _first_line(error: psycopg.Error) -> str:
    return error.diag.message_primary or type(error).__name__
