"""What PostgreSQL holds about roles: attributes, memberships, settings, and who owns what."""

from __future__ import annotations

from collections.abc import Iterator

from assets.access.catalog import Catalog, rows_of
from assets.access.expected import objects
from assets.access.facts import (
    Attribute,
    ConnectionLimit,
    Fact,
    InTeams,
    Member,
    Membership,
    Owner,
    Setting,
)
from assets.access.policy import Policy
from assets.resources.warehouse import Connection

_ATTRIBUTES = """
    select rolname::text, attribute.name
    from pg_roles
    cross join lateral (
        values
        ('SUPERUSER', rolsuper), ('CREATEROLE', rolcreaterole), ('CREATEDB', rolcreatedb),
        ('REPLICATION', rolreplication), ('BYPASSRLS', rolbypassrls),
        ('LOGIN', rolcanlogin and rolname = any(%(known)s))
    ) as attribute (name, is_so)
    where attribute.is_so and rolname !~ '^pg_' and not rolname = any(%(operators)s)
"""
# PostgreSQL makes who creates a role its administrator, without its rights: CREATEROLE means that
# for people, and for no role of the file.
_MEMBERSHIPS = """
    select
        member.rolname::text,
        granted.rolname::text,
        bool_or(inherit_option),
        bool_or(set_option),
        bool_or(admin_option)
    from pg_auth_members
    join pg_roles as member on member.oid = pg_auth_members.member
    join pg_roles as granted on granted.oid = pg_auth_members.roleid
    where
        member.rolname !~ '^pg_'
        and not member.rolname = any(%(operators)s)
        and (
            member.rolname = any(%(known)s)
            or granted.rolname = any(%(known)s)
            or granted.rolname ~ '^pg_'
        )
        and not (
            member.rolname = %(creator)s
            and granted.rolname <> all(%(ours)s)
            and granted.rolname !~ '^pg_'
            and not inherit_option
            and not set_option
        )
    group by 1, 2
"""
_SETTINGS = """
    select
        rolname::text,
        split_part(setting, '=', 1),
        substr(setting, strpos(setting, '=') + 1),
        datname::text
    from pg_db_role_setting
    join pg_roles on pg_roles.oid = setrole
    left join pg_database on pg_database.oid = setdatabase
    cross join unnest(setconfig) as setting
    where rolname = any(%(known)s)
"""
_LIMITS = "select rolname::text, rolconnlimit from pg_roles where rolname = any(%(people)s)"


def read_roles(connection: Connection, policy: Policy, catalog: Catalog) -> set[Fact]:
    """Returns what roles are, belong to, begin with, and own. Any role may read it."""
    people, ours = list(catalog.people), list(policy.holders)
    values = {
        "people": people,
        "ours": ours,
        "known": [*ours, *people],
        "operators": policy.operators,
        "creator": policy.database_owner,
    }
    memberships = rows_of(connection, _members, _MEMBERSHIPS, **values)
    return {
        *rows_of(connection, Attribute, _ATTRIBUTES, **values),
        *(member for members in memberships for member in members),
        *rows_of(connection, Setting, _SETTINGS, **values),
        *rows_of(connection, ConnectionLimit, _LIMITS, **values),
        *(InTeams(person, teams) for person, teams in catalog.people.items() if len(teams) > 1),
        *_owners(policy, catalog),
    }


def _members(role: str, group: str, *rights: bool) -> list[Member]:
    given = zip(Membership, rights, strict=True)
    return [Member(role, group, right) for right, is_given in given if is_given]


def _owners(policy: Policy, catalog: Catalog) -> Iterator[Owner]:
    """Yields who owns what, but for what belongs to the server's own roles."""
    for role, kind, name in objects(catalog):
        if role not in policy.operators and not role.startswith("pg_"):
            yield Owner(role, kind, name)
