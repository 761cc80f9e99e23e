"""Where the warehouse and the access file differ."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from assets.access.catalog import read_catalog
from assets.access.expected import Expected, expected
from assets.access.facts import ConnectionLimit, Fact, Setting
from assets.access.grants import read_grants
from assets.access.policy import Policy
from assets.access.roles import read_roles
from assets.resources.warehouse import Connection


@dataclass(frozen=True)
class Missing:
    """The file says it, and it is not so."""

    fact: Fact

    def __str__(self) -> str:
        return f"The file says that {self.fact}; it is not so."


@dataclass(frozen=True)
class Extra:
    """It is so, and the file does not say it."""

    fact: Fact

    def __str__(self) -> str:
        return f"{self.fact}; the file does not say so."


@dataclass(frozen=True)
class Drift:
    """Every difference; how much agrees; and what dbt has not built yet, which is no difference."""

    missing: tuple[Missing, ...]
    extra: tuple[Extra, ...]
    agreed: int
    not_built: tuple[str, ...]

    @property
    def differences(self) -> tuple[Missing | Extra, ...]:
        """Every difference, what is too much first."""
        return (*self.extra, *self.missing)


def read_drift(connection: Connection, policy: Policy) -> Drift:
    """Compares the database that the connection is to with the file; any role may."""
    catalog = read_catalog(connection, policy)
    held = read_grants(connection, policy) | read_roles(connection, policy, catalog)
    return compare(expected(policy, catalog), held)


def compare(wanted: Expected, held: Iterable[Fact]) -> Drift:
    """Compares what is to hold with what holds. Another value of a setting is one difference."""
    held = frozenset(held)
    missing = wanted.facts - held
    replaced = {_slot(fact) for fact in missing} - {None}
    extra = (fact for fact in held - wanted.facts if _slot(fact) not in replaced)
    return Drift(
        missing=tuple(Missing(fact) for fact in sorted(missing, key=str)),
        extra=tuple(Extra(fact) for fact in sorted(extra, key=str)),
        agreed=len(wanted.facts & held),
        not_built=wanted.not_built,
    )


def _slot(fact: Fact) -> tuple[str | None, ...] | None:
    """What holds one value at a time."""
    if isinstance(fact, Setting):
        return fact.role, fact.name, fact.database
    if isinstance(fact, ConnectionLimit):
        return (fact.role,)
    return None
