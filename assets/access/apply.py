"""Brings the warehouse to what the access file says: grants what is missing, revokes when asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import psycopg

from assets.access.drift import Drift, Extra, Missing, read_drift
from assets.access.facts import Fact
from assets.access.policy import Policy
from assets.access.statements import Statement, grant_statement, revoke_statement
from assets.errors import AccessError
from assets.resources.warehouse import Connection, Warehouse

_ONE_AT_A_TIME = "select pg_advisory_xact_lock(hashtext('assets.access.apply'))"


@dataclass(frozen=True)
class Applied:
    """What an application did, and what still differs after it."""

    given: tuple[Fact, ...]
    taken: tuple[Fact, ...]
    left: Drift

    @property
    def has_changed(self) -> bool:
        """Tells whether anything was granted or revoked."""
        return bool(self.given or self.taken)


def apply(conninfo: str, policy: Policy, revoke: bool = False) -> Applied:
    """Grants what is missing in the database of the connection, in one transaction.

    Args:
        conninfo: The administration role's connection.
        policy: What is to hold.
        revoke: Whether to revoke what the file does not say as well.

    Returns:
        What was done, by reading again: what the administration role may not change is left over.

    Raises:
        AccessError: The file names a role that the server does not have.
        ServerUnavailableError: The database does not answer.
    """
    with Warehouse(conninfo).connect() as connection:
        connection.execute(_ONE_AT_A_TIME)
        _refuse_unknown_roles(connection, policy)
        before = read_drift(connection, policy)
        if revoke:
            _try_each(connection, revoke_statement, [one.fact for one in before.extra])
        # Revoking a table's privilege takes its columns' with it, so what is missing is read then.
        missing = read_drift(connection, policy).missing if revoke else before.missing
        _try_each(connection, grant_statement, [one.fact for one in missing])
        after = read_drift(connection, policy) if missing or revoke else before
    return Applied(
        given=_gone(before.missing, after.missing),
        taken=_gone(before.extra, after.extra),
        left=after,
    )


def _refuse_unknown_roles(connection: Connection, policy: Policy) -> None:
    known = {role for (role,) in connection.execute("select rolname::text from pg_roles")}
    if missing := [role for role in policy.holders if role not in known]:
        raise AccessError(
            f"The access file names {', '.join(missing)}, which the server does not have: roles "
            "are made by infra/postgres/bootstrap.py; add it there, or take it out of the file."
        )


def _try_each(
    connection: Connection, statement_for: Callable[[Fact], Statement], facts: Iterable[Fact]
) -> None:
    """Executes what can be; a refusal shows when the catalogs are read again."""
    for fact in facts:
        statement = statement_for(fact)
        if statement is None:
            continue
        try:
            with connection.transaction():
                connection.execute(statement)
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidGrantOperation):
            continue


def _gone(before: Sequence[Missing | Extra], after: Sequence[Missing | Extra]) -> tuple[Fact, ...]:
    remaining = {one.fact for one in after}
    return tuple(one.fact for one in before if one.fact not in remaining)
