"""The access report: every right of every kind of person, tried on the running database."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from assets.access.catalog import Catalog, read_catalog
from assets.access.expected import Expected, expected
from assets.access.facts import Kind
from assets.access.policy import Policy
from assets.access.report.attempts import Attempt, escalations, on_relations, on_routines
from assets.access.report.rights import Rights
from assets.access.report.subjects import Subject, subjects
from assets.errors import AccessError
from assets.resources.warehouse import Warehouse, read_values

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
_DATABASE_EXISTS = "select datname::text from pg_database where datname = %s"
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


@dataclass(frozen=True)
class _Plan:
    policy: Policy
    catalog: Catalog
    wanted: Expected
    other_databases: tuple[str, ...]


def make_report(environment: Mapping[str, str], policy: Policy) -> Report:
    """Tries everything as every subject; changes nothing, and can run beside a working platform.

    Raises `AccessError` when the views are not built, or the administration role may not create
    people, and `ServerUnavailableError` when the database does not answer.
    """
    with Warehouse(environment["DATABASE_ADMIN_URL"]).connect() as connection:
        catalog = read_catalog(connection, policy)
        dagster = conninfo_to_dict(environment["DAGSTER_DATABASE_URL"])["dbname"]
        others = tuple(read_values(connection, _DATABASE_EXISTS, [dagster]))
    plan = _Plan(policy, catalog, expected(policy, catalog), others)
    _refuse_unbuilt(plan)
    try:
        with subjects(environment, policy) as found, ThreadPoolExecutor(2) as threads:
            results = list(threads.map(lambda subject: list(_try_all(plan, subject)), found))
    except psycopg.OperationalError as error:
        raise AccessError(
            f"The connection to PostgreSQL was lost ({' '.join(str(error).split())}); "
            "try again when the server answers."
        ) from error
    titles = tuple(subject.title for subject in found)
    return Report(titles, tuple(result for each in results for result in each))


def _refuse_unbuilt(plan: _Plan) -> None:
    missing = list(plan.wanted.not_built)
    patterns = {name for team in plan.policy.teams.values() for name in team.relations}
    missing += sorted(name for name in patterns if not plan.catalog.relations_like(name))
    if missing:
        raise AccessError(
            f"Not built yet: {', '.join(dict.fromkeys(missing))}; build the views first, with the "
            "job build_views or `darkroom demo`."
        )


def _try_all(plan: _Plan, subject: Subject) -> Iterator[Result]:
    """Yields the results of all attempts by one subject."""
    rights = Rights(subject.role, plan.wanted.facts)
    database = plan.catalog.database
    for other in plan.other_databases:
        yield _try_connection(subject.conninfo, subject.title, other, is_allowed=False)
    may_connect = rights.has(Kind.DATABASE, (database,), "CONNECT")
    connected = _try_connection(subject.conninfo, subject.title, database, may_connect)
    yield connected
    if connected.outcome is not Outcome.ALLOWED:
        return
    with _session(subject.conninfo) as connection:
        yield from _check_defaults(connection, subject.title, _defaults(plan.policy, subject))
        connection.execute(_SESSION)
        connection.commit()
        for attempt in (
            *on_relations(plan.policy, plan.catalog, rights),
            *on_routines(plan.catalog, rights),
            *escalations(plan.policy, plan.catalog, rights),
        ):
            outcome, answer = _try(connection, attempt)
            yield Result(subject.title, attempt, outcome, answer)


def _defaults(policy: Policy, subject: Subject) -> Mapping[str, str]:
    """Returns the settings with which sessions of the subject start; none without a team."""
    if subject.role in policy.teams:
        people = policy.teams[subject.role].people
        return {**people.settings, _CONNECTION_LIMIT: str(people.connection_limit)}
    return policy.programs[subject.role].settings if subject.role in policy.programs else {}


@contextmanager
def _session(conninfo: str) -> Iterator[psycopg.Connection]:
    """Opens a session with the defaults of its role."""
    with psycopg.connect(conninfo, connect_timeout=5, prepare_threshold=None) as connection:
        yield connection
        connection.rollback()


def _check_defaults(
    connection: psycopg.Connection, subject: str, settings: Mapping[str, str]
) -> Iterator[Result]:
    """Yields whether a new session has each of the settings."""
    for name, value in settings.items():
        query = _LIMIT if name == _CONNECTION_LIMIT else _SETTING
        [(found,)] = connection.execute(query, {"name": name}).fetchall()
        attempt = Attempt("escalations", f"{name} = {value}", "start with", sql.SQL(""), True)
        outcome = Outcome.ALLOWED if found == value else Outcome.DENIED
        yield Result(subject, attempt, outcome, f"it is {found}")


def _try_connection(conninfo: str, subject: str, database: str, is_allowed: bool) -> Result:
    """Tries to open a session in a database."""
    attempt = Attempt("escalations", database, "connect to", sql.SQL(""), is_allowed)
    try:
        psycopg.connect(conninfo, dbname=database, connect_timeout=5).close()
    except psycopg.OperationalError as error:
        answer = " ".join(str(error).split())
        refused = "permission denied for database" in answer
        return Result(subject, attempt, Outcome.DENIED if refused else Outcome.UNDECIDED, answer)
    return Result(subject, attempt, Outcome.ALLOWED)


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
