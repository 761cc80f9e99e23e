"""What the access file means for a warehouse: the facts that are to hold there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from assets.access.catalog import Catalog
from assets.access.expansion import absent, grants
from assets.access.facts import (
    Attribute,
    ConnectionLimit,
    Fact,
    Grant,
    Kind,
    Member,
    Membership,
    Name,
    Owner,
    Setting,
)
from assets.access.policy import Policy


@dataclass(frozen=True)
class Expected:
    """What is to hold, and which views the file names that dbt has not built yet."""

    facts: frozenset[Fact]
    not_built: tuple[str, ...] = ()


def expected(policy: Policy, catalog: Catalog) -> Expected:
    """Says what is to hold in a warehouse with these objects and people."""
    owners = set(_owners(policy, catalog))
    own = {(owner.role, owner.kind, owner.object) for owner in owners}
    given: set[Fact] = set()
    not_built: set[str] = set()
    for role, holder in policy.holders.items():
        given.update(g for g in grants(role, holder, catalog) if not _is_own(g, own))
        for missing in absent(holder, catalog):
            if missing.kind is Kind.RELATION and missing.object[0] in policy.built_by_dbt:
                not_built.add(".".join(missing.object))
            else:
                given.add(missing)
    about_roles = {*_memberships(policy, catalog), *_roles(policy), *_people(policy, catalog)}
    return Expected(frozenset(given | owners | about_roles), tuple(sorted(not_built)))


def owner_of(policy: Policy, kind: Kind, name: Name) -> str | None:
    """Returns who is to own an object: who owns it by its whole name, or else by `schema.*`."""
    if kind is Kind.DATABASE:
        return policy.database_owner
    whole = ".".join(name[:2])
    for pattern in (whole, f"{name[0]}.*"):
        for owner, names in policy.owners.items():
            if pattern in names:
                return owner
    return None


def objects(catalog: Catalog) -> Iterator[tuple[str, Kind, Name]]:
    """Yields everything that somebody owns, with its owner."""
    yield catalog.database_owner, Kind.DATABASE, (catalog.database,)
    for schema, owner in catalog.schemas.items():
        yield owner, Kind.SCHEMA, (schema,)
    for relation in catalog.relations:
        yield relation.owner, relation.kind, relation.name
    for routine in catalog.routines:
        yield routine.owner, Kind.ROUTINE, routine.name


def _owners(policy: Policy, catalog: Catalog) -> Iterator[Owner]:
    for _, kind, name in objects(catalog):
        owner = owner_of(policy, kind, name)
        if owner:
            yield Owner(owner, kind, name)


def _is_own(grant: Grant, own: set[tuple[str, Kind, Name]]) -> bool:
    return (grant.role, grant.kind, grant.object) in own


def _memberships(policy: Policy, catalog: Catalog) -> Iterator[Member]:
    """A person has a team's rights and cannot become it, so that the audit log names the person."""
    for name, program in policy.programs.items():
        for group in (*program.member_of, *program.admin_of):
            yield Member(name, group, Membership.INHERIT)
            yield Member(name, group, Membership.SET)
        for group in program.admin_of:
            yield Member(name, group, Membership.ADMIN)
    for person, teams in catalog.people.items():
        for team in teams:
            yield Member(person, team, Membership.INHERIT)


def _roles(policy: Policy) -> Iterator[Fact]:
    for name, program in policy.programs.items():
        for attribute in program.attributes:
            yield Attribute(name, attribute.upper())
        for setting, value in program.settings.items():
            yield Setting(name, setting, value)


def _people(policy: Policy, catalog: Catalog) -> Iterator[Fact]:
    for person, teams in catalog.people.items():
        yield Attribute(person, "LOGIN")
        for team in teams:
            people = policy.teams[team].people
            yield ConnectionLimit(person, people.connection_limit)
            for setting, value in people.settings.items():
                yield Setting(person, setting, value)
