"""The access report: every right of every kind of person, tried on the running database."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain

import psycopg

from assets.access.attempts import Attempt, Attempts
from assets.access.catalog import Catalog, read_catalog
from assets.access.expected import Expected, expected
from assets.access.facts import fill
from assets.access.policy import Policy
from assets.access.subjects import Subject, subjects
from assets.errors import AccessError
from assets.resources.postgres_errors import sqlstate
from assets.resources.warehouse import Warehouse

_MAX_ATTEMPTS = 4
_CONNECTION_LIMIT = "connection limit"
_SETTING = "select current_setting(%(name)s)"
_LIMIT = "select rolconnlimit::text from pg_roles where rolname = session_user"
# A denial must come from a missing privilege, not from a default that anybody can change.
_SESSION = """
    set default_transaction_read_only = off;
    set lock_timeout = '200ms';
    set statement_timeout = '5s';
    set client_min_messages = error
"""
# Errors that occur before the privilege check: syntax, names, types.
_BEFORE_CHECK = frozenset({"42601", "42P01", "42703", "42883", "42704", "42804", "3F000"})
# Another warehouse, such as a copy for tests, has the same owner and the same grants.
_OTHER_DATABASES = """
    select datname::text, pg_get_userbyid(datdba) = %(owner)s
    from pg_database
    where datallowconn and datname <> current_database()
    order by datname
"""
_BUSY = (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled)


class Outcome(StrEnum):
    """PostgreSQL's answer to an attempt."""

    ALLOWED = "allowed"
    DENIED = "denied"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Result:
    """An attempt by a subject, and its outcome."""

    subject: str
    attempt: Attempt
    outcome: Outcome
    answer: str = ""

    @property
    def matches_policy(self) -> bool:
        """Whether the outcome is what the access file states."""
        return self.outcome is (Outcome.ALLOWED if self.attempt.is_allowed else Outcome.DENIED)

    def __str__(self) -> str:
        column = f" ({self.attempt.column})" if self.attempt.column else ""
        stated = "allowed" if self.attempt.is_allowed else "denied"
        answer = f": {self.answer}" if self.answer else ""
        what = f"{self.attempt.action} {self.attempt.on}{column}".strip()
        return f"{self.subject}, {what}: the file says {stated}, PostgreSQL {self.outcome}{answer}."


@dataclass(frozen=True)
class Report:
    """The result of every attempt, and the subjects in the order of the columns."""

    titles: tuple[str, ...]
    results: tuple[Result, ...]

    @property
    def mismatches(self) -> list[Result]:
        """Every result that differs from the access file."""
        return [result for result in self.results if not result.matches_policy]


def make_report(environment: Mapping[str, str], policy: Policy) -> Report:
    """Tries everything as every subject; changes nothing, and can run beside a working platform.

    Raises `AccessError` when the views are not built, and `ServerError` when the database does not
    answer, or the administration role may not create people.
    """
    with Warehouse(environment["DATABASE_ADMIN_URL"]).connect() as connection:
        catalog = read_catalog(connection, policy)
        query = connection.execute(_OTHER_DATABASES, {"owner": policy.database_owner})
        others = dict(query.fetchall())
    wanted = expected(policy, catalog)
    _refuse_unbuilt(policy, catalog, wanted)

    def try_all(subject: Subject) -> list[Result]:
        attempts = Attempts(subject.role, wanted.facts, policy, catalog)
        return list(_try_all(subject, attempts, others))

    with subjects(environment, policy) as found, ThreadPoolExecutor(2) as threads:
        results = tuple(chain.from_iterable(threads.map(try_all, found)))
    return Report(tuple(subject.title for subject in found), results)


def _refuse_unbuilt(policy: Policy, catalog: Catalog, wanted: Expected) -> None:
    patterns = {name for team in policy.teams.values() for name in team.relations}
    absent = sorted(name for name in patterns if not catalog.relations_like(name))
    if missing := dict.fromkeys([*wanted.not_built, *absent]):
        raise AccessError(
            f"Not built yet: {', '.join(missing)}; build the views first, with the "
            "job build_views or `darkroom demo`."
        )


def _try_all(
    subject: Subject, attempts: Attempts, other_databases: Mapping[str, bool]
) -> Iterator[Result]:
    """Tries to connect to every database, and everything else in the warehouse."""
    for other, is_warehouse in other_databases.items():
        yield _try_connection(subject, other, is_warehouse and attempts.may_connect)
    connected = _try_connection(subject, attempts.catalog.database, attempts.may_connect)
    yield connected
    if connected.outcome is not Outcome.ALLOWED:
        return
    with Warehouse(subject.conninfo).connect() as connection:
        connection.prepare_threshold = None
        yield from _check_defaults(connection, subject, attempts.policy)
        connection.execute(_SESSION)
        connection.commit()
        for attempt in attempts.each():
            yield Result(subject.title, attempt, *_try(connection, attempt))
        connection.rollback()


def _check_defaults(
    connection: psycopg.Connection, subject: Subject, policy: Policy
) -> Iterator[Result]:
    """Yields whether a new session has each setting that the file states for the subject."""
    settings: Mapping[str, str] = {}
    if subject.role in policy.teams:
        people = policy.teams[subject.role].people
        settings = {**people.settings, _CONNECTION_LIMIT: str(people.connection_limit)}
    elif subject.role in policy.programs:
        settings = policy.programs[subject.role].settings
    for name, value in settings.items():
        query = _LIMIT if name == _CONNECTION_LIMIT else _SETTING
        [(found,)] = connection.execute(query, {"name": name}).fetchall()
        attempt = Attempt("escalations", f"{name} = {value}", "start with", fill(""), True)
        outcome = Outcome.ALLOWED if found == value else Outcome.DENIED
        yield Result(subject.title, attempt, outcome, f"it is {found}")


def _try_connection(subject: Subject, database: str, is_allowed: bool) -> Result:
    attempt = Attempt("escalations", database, "connect to", fill(""), is_allowed)
    try:
        psycopg.connect(subject.conninfo, dbname=database, connect_timeout=5).close()
    except psycopg.OperationalError as error:
        refused = sqlstate(error) == psycopg.errors.InsufficientPrivilege.sqlstate
        outcome = Outcome.DENIED if refused else Outcome.UNDECIDED
        return Result(subject.title, attempt, outcome, " ".join(str(error).split()))
    return Result(subject.title, attempt, Outcome.ALLOWED)


def _try(connection: psycopg.Connection, attempt: Attempt) -> tuple[Outcome, str]:
    """Tries a statement, and retries it when locks of others delay it."""
    for _ in range(_MAX_ATTEMPTS):
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
    """Returns the outcome of an error; one inside a function follows the privilege check."""
    if error.sqlstate in attempt.denied_by and error.diag.context is None:
        return Outcome.DENIED
    return Outcome.UNDECIDED if error.sqlstate in _BEFORE_CHECK else Outcome.ALLOWED


def _first_line(error: psycopg.Error) -> str:
    return error.diag.message_primary or type(error).__name__
