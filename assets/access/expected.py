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
    Name,
    Owner,
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
    owners = set(_owners(policy, catalog))
    owned = {(owner.role, owner.kind, owner.object) for owner in owners}
    facts: set[Fact] = {*owners, *_memberships(policy, catalog)}
    facts.update(_program_roles(policy))
    facts.update(_people(policy, catalog))
    not_built: set[str] = set()
    for role, holder in policy.holders.items():
        grants = _grants(role, holder, catalog)
        facts.update(one for one in grants if (role, one.kind, one.object) not in owned)
        for absent in _absent(holder, catalog):
            if absent.kind is Kind.RELATION and absent.object[0] in policy.built_by_dbt:
                not_built.add(".".join(absent.object))
            else:
                facts.add(absent)
    return Expected(frozenset(facts), tuple(sorted(not_built)))


def _owners(policy: Policy, catalog: Catalog) -> Iterator[Owner]:
    for _, kind, name in catalog.owned_objects():
        if owner := _owner_of(policy, kind, name):
            yield Owner(owner, kind, name)


def _owner_of(policy: Policy, kind: Kind, name: Name) -> str | None:
    """Returns the role that owns an object by its whole name, or else by `schema.*`."""
    if kind is Kind.DATABASE:
        return policy.database_owner
    for pattern in (".".join(name[:2]), f"{name[0]}.*"):
        for owner, names in policy.owners.items():
            if pattern in names:
                return owner
    return None


def _grants(role: str, holder: Holder, catalog: Catalog) -> Iterator[Grant]:
    """Yields the privileges of a role's entry on what exists."""
    for database_privilege in holder.database:
        yield _whole(role, Kind.DATABASE, (catalog.database,), database_privilege)
    for schema, privileges in holder.schemas.items():
        for privilege in (one for one in privileges if one != _GRANT_OPTION):
            yield _whole(role, Kind.SCHEMA, (schema,), privilege)
            if _GRANT_OPTION in privileges:
                yield _whole(role, Kind.SCHEMA, (schema,), privilege, is_grantable=True)
    yield from _object_grants(role, holder, catalog)


def _object_grants(role: str, holder: Holder, catalog: Catalog) -> Iterator[Grant]:
    for pattern, rights in holder.relations.items():
        for relation in catalog.relations_like(pattern):
            for privilege, columns in rights.given():
                for column in [None] if columns == "all" else columns:
                    yield Grant(role, Kind.RELATION, relation.name, column, privilege.upper())
    for name, privileges in holder.sequences.items():
        for sequence in catalog.relations_like(name, Kind.SEQUENCE):
            for sequence_privilege in privileges:
                yield _whole(role, Kind.SEQUENCE, sequence.name, sequence_privilege)
    for name in holder.routines:
        for routine in catalog.routines_named(name):
            yield _whole(role, Kind.ROUTINE, routine.name, "execute")


def _whole(role: str, kind: Kind, name: Name, privilege: str, is_grantable: bool = False) -> Grant:
    return Grant(role, kind, name, None, privilege.upper(), is_grantable)


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


def _memberships(policy: Policy, catalog: Catalog) -> Iterator[Member]:
    """Yields memberships; people cannot become their team, so that the audit log names people."""
    for name, program in policy.programs.items():
        for group in (*program.member_of, *program.admin_of):
            yield Member(name, group, Membership.INHERIT)
            yield Member(name, group, Membership.SET)
        for group in program.admin_of:
            yield Member(name, group, Membership.ADMIN)
    for person, teams in catalog.people.items():
        for team in teams:
            yield Member(person, team, Membership.INHERIT)


def _program_roles(policy: Policy) -> Iterator[Fact]:
    for name, program in policy.programs.items():
        for attribute in program.attributes:
            yield Attribute(name, attribute.upper())
        for setting, value in program.settings.items():
            yield Setting(name, setting, value)


def _people(policy: Policy, catalog: Catalog) -> Iterator[Fact]:
    for person, teams in catalog.people.items():
        yield Attribute(person, "LOGIN")
        for team in teams:
            yield from people_defaults(policy, person, team)


def people_defaults(policy: Policy, person: str, team: str) -> Iterator[ConnectionLimit | Setting]:
    """Yields the connection limit and the settings that people of a team have."""
    people = policy.teams[team].people
    yield ConnectionLimit(person, people.connection_limit)
    for setting, value in people.settings.items():
        yield Setting(person, setting, value)
