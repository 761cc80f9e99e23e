"""Differences between the access file and the warehouse, and the grants that remove them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from assets.access.catalog import read_catalog
from assets.access.expected import Expected, expected
from assets.access.facts import Fact
from assets.access.policy import Policy
from assets.access.privileges import read_facts
from assets.errors import AccessError
from assets.resources.warehouse import Connection, Warehouse, lock, read_values


@dataclass(frozen=True)
class Missing:
    """A fact that the file states and that does not hold."""

    fact: Fact

    def __str__(self) -> str:
        return f"Missing: {self.fact}."


@dataclass(frozen=True)
class Extra:
    """A fact that holds and that the file does not state."""

    fact: Fact

    def __str__(self) -> str:
        return f"Not in the access file: {self.fact}."


@dataclass(frozen=True)
class Drift:
    """All differences, the number of facts that agree, and the views that dbt has not built yet."""

    missing: tuple[Missing, ...]
    extra: tuple[Extra, ...]
    agreed: int
    not_built: tuple[str, ...]

    @property
    def differences(self) -> tuple[Missing | Extra, ...]:
        """Every difference, what is not in the file first."""
        return (*self.extra, *self.missing)


@dataclass(frozen=True)
class Applied:
    """What an application granted and revoked, and the drift that is left."""

    granted: tuple[Fact, ...]
    revoked: tuple[Fact, ...]
    left: Drift

    @property
    def has_changed(self) -> bool:
        """Whether anything was granted or revoked."""
        return bool(self.granted or self.revoked)


def compare(wanted: Expected, actual: Iterable[Fact]) -> Drift:
    """Compares what should hold with what holds; a changed value is one difference, not two."""
    actual = frozenset(actual)
    missing = wanted.facts - actual
    replaced = {fact.slot for fact in missing} - {None}
    extra = (fact for fact in actual - wanted.facts if fact.slot not in replaced)
    return Drift(
        missing=tuple(Missing(fact) for fact in sorted(missing, key=str)),
        extra=tuple(Extra(fact) for fact in sorted(extra, key=str)),
        agreed=len(wanted.facts & actual),
        not_built=wanted.not_built,
    )


# pragma: no mutate block, the rest needs PostgreSQL: tests/integration/test_access.py
def read_drift(connection: Connection, policy: Policy) -> Drift:
    """Compares the connected database with the file, as any role can."""
    catalog = read_catalog(connection, policy)
    return compare(expected(policy, catalog), read_facts(connection, policy, catalog))


def apply(conninfo: str, policy: Policy, revoke: bool = False) -> Applied:
    """Grants what is missing, in one transaction.

    Args:
        revoke: Whether to revoke what is not in the file as well.

    Returns:
        What was done, and the drift afterwards, read again: the administration role may not change
        everything.

    Raises `AccessError` when the file names a role that the server does not have, and
    `ServerUnavailableError` when the database does not answer.
    """
    with Warehouse(conninfo).connect() as connection:
        lock(connection, "assets.access.apply")
        _refuse_unknown_roles(connection, policy)
        before = read_drift(connection, policy)
        if revoke:
            _execute_each(connection, (one.fact.revoke_statement() for one in before.extra))
        # Revoking a privilege on a table also revokes it on the columns, so read again.
        missing = read_drift(connection, policy).missing if revoke else before.missing
        _execute_each(connection, (one.fact.grant_statement() for one in missing))
        after = read_drift(connection, policy) if missing or revoke else before
    return Applied(
        granted=_ended(before.missing, after.missing),
        revoked=_ended(before.extra, after.extra),
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
    for statement in statements:
        if statement is None:
            continue
        try:
            with connection.transaction():
                connection.execute(statement)
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidGrantOperation):
            continue


def _ended(before: Sequence[Missing | Extra], after: Sequence[Missing | Extra]) -> tuple[Fact, ...]:
    remaining = {one.fact for one in after}
    return tuple(one.fact for one in before if one.fact not in remaining)
