"""Differences between the access file and the warehouse, and the grants that remove them."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

import psycopg
from psycopg import sql

from assets.access.catalog import read_catalog
from assets.access.expected import Expected, expected
from assets.access.facts import (
    ConnectionLimit,
    Fact,
    Setting,
    grant_statement,
    revoke_statement,
)
from assets.access.policy import Policy
from assets.access.privileges import read_facts
from assets.errors import AccessError
from assets.resources.warehouse import Connection, Warehouse, lock, read_values


@dataclass(frozen=True)
class Drift:
    """The facts that only the file or only the warehouse has, and the views dbt has not built."""

    missing: tuple[Fact, ...]
    extra: tuple[Fact, ...]
    agreed: int
    not_built: tuple[str, ...]

    @property
    def differences(self) -> tuple[str, ...]:
        """A sentence for every difference, what is not in the file first."""
        extra = (f"Not in the access file: {fact}." for fact in self.extra)
        return (*extra, *(f"Missing: {fact}." for fact in self.missing))


@dataclass(frozen=True)
class Applied:
    """What an application granted and revoked, and the drift that is left."""

    granted: tuple[Fact, ...]
    revoked: tuple[Fact, ...]
    left: Drift


def compare(wanted: Expected, actual: Iterable[Fact]) -> Drift:
    """Compares what should hold with what holds; a changed value is one difference, not two."""
    actual = frozenset(actual)
    missing = wanted.facts - actual
    replaced = {_slot(fact) for fact in missing} - {None}
    extra = (fact for fact in actual - wanted.facts if _slot(fact) not in replaced)
    return Drift(
        missing=tuple(sorted(missing, key=str)),
        extra=tuple(sorted(extra, key=str)),
        agreed=len(wanted.facts & actual),
        not_built=wanted.not_built,
    )


def _slot(fact: Fact) -> tuple[str, ...] | None:
    """Names what can have only one value at a time; None for facts that exclude no other."""
    match fact:
        case ConnectionLimit(role):
            return (role,)
        case Setting(role, name, _, database):
            return role, name, database or ""
    return None


# pragma: no mutate block, the rest needs PostgreSQL: tests/integration/test_access.py
def read_drift(connection: Connection, policy: Policy) -> Drift:
    """Compares the connected database with the file, as any role can."""
    catalog = read_catalog(connection, policy)
    return compare(expected(policy, catalog), read_facts(connection, policy, catalog))


def apply(conninfo: str, policy: Policy, revoke: bool = False) -> Applied:
    """Grants what is missing, and with `revoke` revokes what is extra, in one transaction.

    The drift is read again afterwards: the administration role may not change everything.

    Raises `AccessError` when the file names a role that the server does not have, and
    `ServerError` when the database does not answer.
    """
    with Warehouse(conninfo).connect() as connection:
        lock(connection, "assets.access.apply")
        _refuse_unknown_roles(connection, policy)
        before = read_drift(connection, policy)
        if revoke:
            _execute_each(connection, map(revoke_statement, before.extra))
        # Revoking a privilege on a table also revokes it on the columns, so read again.
        missing = read_drift(connection, policy).missing if revoke else before.missing
        _execute_each(connection, map(grant_statement, missing))
        after = read_drift(connection, policy) if missing or revoke else before
    return Applied(
        granted=tuple(fact for fact in before.missing if fact not in after.missing),
        revoked=tuple(fact for fact in before.extra if fact not in after.extra),
        left=after,
    )


def _refuse_unknown_roles(connection: Connection, policy: Policy) -> None:
    known = read_values(connection, "select rolname::text from pg_roles")
    if missing := [role for role in policy.holders if role not in known]:
        raise AccessError(
            f"The access file names {', '.join(missing)}, which the server does not have; add the "
            "role to infra/postgres/bootstrap.py, which creates roles, or remove it from the file."
        )


def _execute_each(connection: Connection, statements: Iterable[sql.Composed | None]) -> None:
    """Executes what the role may; the next reading of the catalogs shows what it may not."""
    refused = (psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidGrantOperation)
    for statement in filter(None, statements):
        with suppress(*refused), connection.transaction():
            connection.execute(statement)
