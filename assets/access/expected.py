"""What the access file means for a warehouse: the facts that should hold there."""

from collections.abc import Iterator
from dataclasses import dataclass

from assets.access.catalog import Catalog
from assets.access.facts import (
    Attribute,
    ConnectionLimit,
    Exists,
    Fact,
    Grant,
    Kind,
    Member,
    Membership,
    Owner,
    Personal,
    Setting,
)
from assets.access.policy import Holder, Policy

_GRANT_OPTION = "grant option"


@dataclass(frozen=True)
class Expected:
    """What should hold, and which views of the file dbt has not built yet."""

    facts: frozenset[Fact]
    not_built: tuple[str, ...] = ()


def expected(policy: Policy, catalog: Catalog) -> Expected:
    """Returns what should hold in a warehouse with these objects and people."""
    facts: set[Fact] = {*_owners(policy, catalog), *_programs(policy), *_people(policy, catalog)}
    not_built: set[str] = set()
    for role, holder in policy.holders.items():
        for grant in _grants(role, holder, catalog):
            if Owner(role, grant.kind, grant.object) not in facts:
                facts.add(grant)
        for absent in _absent(holder, catalog):
            if absent.kind is Kind.RELATION and absent.object[0] in policy.built_by_dbt:
                not_built.add(".".join(absent.object))
            else:
                facts.add(absent)
    for relation, columns in policy.personal.items():
        facts.update(Personal(relation, column) for column in columns)
    return Expected(frozenset(facts), tuple(sorted(not_built)))


def _owners(policy: Policy, catalog: Catalog) -> Iterator[Owner]:
    """Yields the owners of objects, which own them by their whole names, or else by `schema.*`."""
    yield Owner(policy.database_owner, Kind.DATABASE, (catalog.database,))
    owners = {name: owner for owner, names in policy.owners.items() for name in names}
    for _, kind, name in catalog.owned_objects():
        owner = owners.get(".".join(name[:2])) or owners.get(f"{name[0]}.*")
        if owner and kind is not Kind.DATABASE:
            yield Owner(owner, kind, name)


def _grants(role: str, holder: Holder, catalog: Catalog) -> Iterator[Grant]:
    """Yields the privileges of a role's entry on what exists."""
    for privilege in holder.database:
        yield Grant(role, Kind.DATABASE, (catalog.database,), None, privilege.upper())
    for schema, privileges in holder.schemas.items():
        for given in (one.upper() for one in privileges if one != _GRANT_OPTION):
            for is_grantable in {False, _GRANT_OPTION in privileges}:
                yield Grant(role, Kind.SCHEMA, (schema,), None, given, is_grantable)
    yield from _object_grants(role, holder, catalog)


def _object_grants(role: str, holder: Holder, catalog: Catalog) -> Iterator[Grant]:
    for pattern, rights in holder.relations.items():
        for relation in catalog.relations_like(pattern):
            for allowed, columns in rights.given():
                for column in [None] if columns == "all" else columns:
                    yield Grant(role, Kind.RELATION, relation.name, column, allowed.upper())
    for pattern, uses in holder.sequences.items():
        for sequence in catalog.relations_like(pattern, Kind.SEQUENCE):
            for use in uses:
                yield Grant(role, Kind.SEQUENCE, sequence.name, None, use.upper())
    for qualified in holder.routines:
        for routine in catalog.routines_named(qualified):
            yield Grant(role, Kind.ROUTINE, routine.name, None, "EXECUTE")


def _absent(holder: Holder, catalog: Catalog) -> Iterator[Exists]:
    """Yields what a role's entry names and does not exist; a pattern need not match anything."""
    for schema in holder.schemas.keys() - catalog.schemas.keys():
        yield Exists(Kind.SCHEMA, (schema,))
    for name, rights in holder.relations.items():
        found = catalog.relations_like(name)
        if not found and "*" not in name:
            yield Exists(Kind.RELATION, tuple(name.split(".")))
        named = {column for _, columns in rights.given() if columns != "all" for column in columns}
        for relation in found:
            for column in named - {known for known, _ in relation.columns}:
                yield Exists(Kind.RELATION, (*relation.name, column))
    for name in holder.sequences:
        if not catalog.relations_like(name, Kind.SEQUENCE):
            yield Exists(Kind.SEQUENCE, tuple(name.split(".")))
    for name in holder.routines:
        if not catalog.routines_named(name):
            yield Exists(Kind.ROUTINE, tuple(name.split(".")))


def _programs(policy: Policy) -> Iterator[Fact]:
    for name, program in policy.programs.items():
        for group in program.member_of:
            yield Member(name, group, Membership.INHERIT)
            yield Member(name, group, Membership.SET)
        for group in program.admin_of:
            yield Member(name, group, Membership.ADMIN)
        for attribute in program.attributes:
            yield Attribute(name, attribute.upper())
        for parameter in program.parameters:
            yield Grant(name, Kind.PARAMETER, (parameter,), None, "SET")
        for setting, value in program.settings.items():
            yield Setting(name, setting, value)


def _people(policy: Policy, catalog: Catalog) -> Iterator[Fact]:
    """Yields the facts about people, who cannot become their team: the audit log names people."""
    for person, teams in catalog.people.items():
        yield Attribute(person, "LOGIN")
        for team in teams:
            yield Member(person, team, Membership.INHERIT)
            yield from people_defaults(policy, person, team)


def people_defaults(policy: Policy, person: str, team: str) -> Iterator[Fact]:
    """Yields the connection limit and the settings that people of a team have."""
    people = policy.teams[team].people
    yield ConnectionLimit(person, people.connection_limit)
    for setting, value in people.settings.items():
        yield Setting(person, setting, value)
