"""The SQL that makes a fact of the access file hold, or ends it."""

from __future__ import annotations

from functools import singledispatch

from psycopg import sql

from assets.access.facts import (
    PUBLIC,
    Attribute,
    ConnectionLimit,
    Fact,
    Grant,
    Kind,
    Member,
    Membership,
    Setting,
)

Statement = sql.Composed | None

_KEYWORDS = {
    Kind.DATABASE: "database",
    Kind.SCHEMA: "schema",
    Kind.RELATION: "table",
    Kind.SEQUENCE: "sequence",
    Kind.ROUTINE: "routine",
    Kind.PARAMETER: "parameter",
}


@singledispatch
def grant_statement(_fact: Fact) -> Statement:
    """Returns the statement that makes a fact hold; None where only a person can decide it."""
    return None


@singledispatch
def revoke_statement(_fact: Fact) -> Statement:
    """Returns the statement that ends a fact; None where only a person can decide it."""
    return None


@grant_statement.register
def _(grant: Grant) -> Statement:
    option = " with grant option" if grant.is_grantable else ""
    return _fill("grant {} on {} to {}" + option, *_parts(grant))


@grant_statement.register
def _(setting: Setting) -> Statement:
    return _fill(
        "alter role {} set {} = {}",
        sql.Identifier(setting.role),
        sql.Identifier(setting.name),
        sql.Literal(setting.value),
    )


@grant_statement.register
def _(limit: ConnectionLimit) -> Statement:
    return _fill(
        "alter role {} connection limit {}", sql.Identifier(limit.role), sql.Literal(limit.limit)
    )


@revoke_statement.register
def _(grant: Grant) -> Statement:
    option = "grant option for " if grant.is_grantable else ""
    if grant.kind is Kind.DEFAULT:
        owner, objects, schema = grant.object
        place = _fill(" in schema {}", sql.Identifier(schema)) if schema else sql.SQL("")
        return _fill(
            "alter default privileges for role {}{} revoke " + option + "{} on {} from {} cascade",
            sql.Identifier(owner),
            place,
            sql.SQL(grant.privilege),
            sql.SQL(objects),
            _role(grant.role),
        )
    return _fill("revoke " + option + "{} on {} from {} cascade", *_parts(grant))


@revoke_statement.register
def _(member: Member) -> Statement:
    names = sql.Identifier(member.group), sql.Identifier(member.role)
    if member.right is Membership.INHERIT:
        return _fill("revoke {} from {} cascade", *names)
    return _fill(f"revoke {member.right} option for {{}} from {{}} cascade", *names)


@revoke_statement.register
def _(attribute: Attribute) -> Statement:
    return _fill(f"alter role {{}} no{attribute.name.lower()}", sql.Identifier(attribute.role))


@revoke_statement.register
def _(setting: Setting) -> Statement:
    name, role = sql.Identifier(setting.name), sql.Identifier(setting.role)
    if setting.database is None:
        return _fill("alter role {} reset {}", role, name)
    return _fill(
        "alter role {} in database {} reset {}", role, sql.Identifier(setting.database), name
    )


def _parts(grant: Grant) -> tuple[sql.Composable, sql.Composable, sql.Composable]:
    """Returns the privilege, what it is on, and the role, as they stand in GRANT and REVOKE."""
    privilege: sql.Composable = sql.SQL(grant.privilege)
    if grant.column:
        privilege = _fill("{} ({})", privilege, sql.Identifier(grant.column))
    return privilege, _object(grant), _role(grant.role)


def _object(grant: Grant) -> sql.Composable:
    keyword = sql.SQL(_KEYWORDS[grant.kind])
    if grant.kind is Kind.ROUTINE:
        schema, name, *arguments = grant.object
        types = sql.SQL(", ".join(arguments))  # as PostgreSQL itself writes them
        return _fill("{} {}({})", keyword, sql.Identifier(schema, name), types)
    return _fill("{} {}", keyword, sql.Identifier(*grant.object))


def _role(name: str) -> sql.Composable:
    return sql.SQL("public") if name == PUBLIC else sql.Identifier(name)


def _fill(template: str, *parts: sql.Composable) -> sql.Composed:
    return sql.SQL(template).format(*parts)
