"""The report: every right of every kind of person tried on the running database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import psycopg
from psycopg.conninfo import conninfo_to_dict

from assets.access.catalog import Catalog, read_catalog
from assets.access.expected import Expected, expected
from assets.access.facts import Kind
from assets.access.policy import Policy
from assets.access.report.attempts import on_relations, on_routines
from assets.access.report.escalations import escalations
from assets.access.report.execution import (
    CONNECTION_LIMIT,
    Outcome,
    Result,
    check_defaults,
    clear_session_defaults,
    run_attempts,
    session,
    try_connection,
)
from assets.access.report.rights import Rights
from assets.access.report.subjects import Subject, subjects
from assets.errors import AccessError
from assets.resources.warehouse import Warehouse

_IS_THERE = "select datname::text from pg_database where datname = %s"


@dataclass(frozen=True)
class Report:
    """What came of every attempt, by subject in the order of the report's columns."""

    titles: tuple[str, ...]
    results: tuple[Result, ...]

    @property
    def mismatches(self) -> list[Result]:
        """Every attempt that came to something else than the file says."""
        return [result for result in self.results if not result.matches_policy]


@dataclass(frozen=True)
class _Plan:
    policy: Policy
    catalog: Catalog
    wanted: Expected
    other_databases: tuple[str, ...]


def make_report(environment: Mapping[str, str], policy: Policy) -> Report:
    """Tries everything as everybody; nothing changes by it, on a platform at work neither.

    Args:
        environment: The stack's addresses and passwords.
        policy: What is to come of it.

    Raises:
        AccessError: The views are not built, or the administration role may not make people.
        ServerUnavailableError: The database does not answer.
    """
    with Warehouse(environment["DATABASE_ADMIN_URL"]).connect() as connection:
        catalog = read_catalog(connection, policy)
        dagster = conninfo_to_dict(environment["DAGSTER_DATABASE_URL"])["dbname"]
        found = connection.execute(_IS_THERE, [dagster]).fetchall()
    others = tuple(str(name) for (name,) in found)
    plan = _Plan(policy, catalog, expected(policy, catalog), others)
    _refuse_unbuilt(plan)
    try:
        with subjects(environment, policy) as lent, ThreadPoolExecutor(2) as threads:
            results = list(threads.map(lambda subject: list(_trial(plan, subject)), lent))
    except psycopg.OperationalError as error:
        raise AccessError(
            f"PostgreSQL went away while it was asked ({' '.join(str(error).split())}); "
            "try again when it answers."
        ) from error
    titles = tuple(subject.title for subject in lent)
    return Report(titles, tuple(result for each in results for result in each))


def _refuse_unbuilt(plan: _Plan) -> None:
    missing = list(plan.wanted.not_built)
    patterns = {name for team in plan.policy.teams.values() for name in team.relations}
    missing += sorted(name for name in patterns if not plan.catalog.relations_like(name))
    if missing:
        raise AccessError(
            f"There is no {', '.join(dict.fromkeys(missing))} yet: build the views first, with "
            "the job build_views or with `make demo`."
        )


def _trial(plan: _Plan, subject: Subject) -> Iterator[Result]:
    """Yields what came of everything that one subject tried."""
    rights = Rights.of(subject.role, plan.wanted.facts)
    database = plan.catalog.database
    for other in plan.other_databases:
        yield try_connection(subject.conninfo, subject.title, other, is_allowed=False)
    may_connect = rights.has(Kind.DATABASE, (database,), "CONNECT")
    connected = try_connection(subject.conninfo, subject.title, database, may_connect)
    yield connected
    if connected.outcome is not Outcome.ALLOWED:
        return
    with session(subject.conninfo) as connection:
        yield from check_defaults(connection, subject.title, _defaults(plan.policy, subject))
        clear_session_defaults(connection)
        for attempts in (
            on_relations(plan.policy, plan.catalog, rights),
            on_routines(plan.catalog, rights),
            escalations(plan.policy, plan.catalog, rights),
        ):
            yield from run_attempts(connection, subject.title, attempts)


def _defaults(policy: Policy, subject: Subject) -> Mapping[str, str]:
    """What a session of the subject is to begin with; a stranger's begins with nothing."""
    if subject.role in policy.teams:
        people = policy.teams[subject.role].people
        return {**people.settings, CONNECTION_LIMIT: str(people.connection_limit)}
    return policy.programs[subject.role].settings if subject.role in policy.programs else {}
