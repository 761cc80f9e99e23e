"""Facts about access: each holds in the warehouse or does not, and reads as a sentence.

The access file and PostgreSQL's catalogs are both read as sets of facts, so drift is the difference
of two sets.
"""

from dataclasses import dataclass
from enum import StrEnum

from psycopg import sql

PUBLIC = "PUBLIC"

Name = tuple[str, ...]
"""The parts of a name: schema and relation; for a routine also the types of its arguments."""


class Kind(StrEnum):
    """What a privilege is on."""

    DATABASE = "database"
    SCHEMA = "schema"
    RELATION = "relation"
    SEQUENCE = "sequence"
    ROUTINE = "routine"
    PARAMETER = "parameter"
    DEFAULT = "default"
    """Default privileges: owner, type of future objects, and schema or an empty string."""


class Membership(StrEnum):
    """A right that comes with being a member of a role."""

    INHERIT = "inherit"
    SET = "set"
    ADMIN = "admin"


@dataclass(frozen=True)
class Grant:
    """A role's privilege on an object, or on one column of it."""

    role: str
    kind: Kind
    object: Name
    column: str | None
    privilege: str
    is_grantable: bool = False

    def __str__(self) -> str:
        privilege = f"{self.privilege}({self.column})" if self.column else self.privilege
        verb = "may grant others" if self.is_grantable else "has"
        return f"{self.role} {verb} {privilege} on {describe(self.kind, self.object)}"


@dataclass(frozen=True)
class Member:
    """One right that a role has as a member of another."""

    role: str
    group: str
    right: Membership

    def __str__(self) -> str:
        means = {
            Membership.INHERIT: "has the rights of",
            Membership.SET: "can become",
            Membership.ADMIN: "can admit others to",
        }
        return f"{self.role} {means[self.right]} {self.group}"


@dataclass(frozen=True)
class InTeams:
    """A person who is in more than one team."""

    role: str
    teams: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.role} is in {' and '.join(self.teams)}"


@dataclass(frozen=True)
class Attribute:
    """An attribute of a role, such as LOGIN or SUPERUSER."""

    role: str
    name: str

    def __str__(self) -> str:
        return f"{self.role} is {self.name}"


@dataclass(frozen=True)
class ConnectionLimit:
    """How many sessions a role may have at once."""

    role: str
    limit: int

    def __str__(self) -> str:
        return f"{self.role} may have {'any number of' if self.limit < 0 else self.limit} sessions"


@dataclass(frozen=True)
class Setting:
    """A setting with which sessions of a role start, in all databases or in one."""

    role: str
    name: str
    value: str
    database: str | None = None

    def __str__(self) -> str:
        where = f" in database {self.database}" if self.database else ""
        return f"{self.role} starts sessions{where} with {self.name} = {self.value}"


@dataclass(frozen=True)
class Owner:
    """A role owns an object."""

    role: str
    kind: Kind
    object: Name

    def __str__(self) -> str:
        return f"{self.role} owns {describe(self.kind, self.object)}"


@dataclass(frozen=True)
class Personal:
    """The audit log holds no value of a column, only that it changed."""

    relation: str
    column: str

    def __str__(self) -> str:
        return f"{self.relation}.{self.column} is personal for the audit log"


@dataclass(frozen=True)
class Exists:
    """An object that the access file names exists."""

    kind: Kind
    object: Name

    def __str__(self) -> str:
        return f"{describe(self.kind, self.object)} exists"


Fact = Grant | Member | InTeams | Attribute | ConnectionLimit | Setting | Owner | Personal | Exists


def grant_statement(fact: Fact) -> sql.Composed | None:
    """Returns the statement that establishes a fact; None where only a person can decide."""
    match fact:
        case Grant():
            option = " with grant option" if fact.is_grantable else ""
            return fill(f"grant {{}} on {{}} to {{}}{option}", *_terms(fact))
        case ConnectionLimit(role, limit):
            return fill("alter role {} connection limit {}", role, sql.Literal(limit))
        case Setting(role, name, value):
            return fill("alter role {} set {} = {}", role, name, sql.Literal(value))
        case Personal(relation, column):
            names = sql.Literal(relation), sql.Literal(column)
            return fill('insert into "ASSESSMENT".personal_column values ({}, {})', *names)
    return None


def revoke_statement(fact: Fact) -> sql.Composed | None:
    """Returns the statement that ends a fact; None where only a person can decide."""
    match fact:
        case Grant():
            option = "grant option for " if fact.is_grantable else ""
            revoke = fill(f"revoke {option}{{}} on {{}} from {{}} cascade", *_terms(fact))
            if fact.kind is not Kind.DEFAULT:
                return revoke
            owner, _, schema = fact.object
            where = fill(" in schema {}", schema) if schema else sql.SQL("")
            return fill("alter default privileges for role {}{} {}", owner, where, revoke)
        case Member(role, group, right):
            option = "" if right is Membership.INHERIT else f"{right} option for "
            return fill(f"revoke {option}{{}} from {{}} cascade", group, role)
        case Attribute(role, name):
            return fill(f"alter role {{}} no{name.lower()}", role)
        case Setting(role, name, _, database):
            where = fill(" in database {}", database) if database else sql.SQL("")
            return fill("alter role {}{} reset {}", role, where, name)
        case Personal(relation, column):
            names = sql.Literal(relation), sql.Literal(column)
            delete = 'delete from "ASSESSMENT".personal_column where '
            return fill(f"{delete}(relation_name, column_name) = ({{}}, {{}})", *names)
    return None


def _terms(grant: Grant) -> tuple[sql.Composable, sql.Composable, sql.Composable]:
    """Returns the privilege, the object and the role of a GRANT or REVOKE."""
    privilege: sql.Composable = sql.SQL(grant.privilege)
    if grant.column:
        privilege = fill("{} ({})", privilege, grant.column)
    if grant.kind is Kind.DEFAULT:
        on: sql.Composable = sql.SQL(grant.object[1])
    elif grant.kind is Kind.ROUTINE:
        schema, name, *arguments = grant.object
        types = sql.SQL(", ".join(arguments))  # written by PostgreSQL itself
        on = fill("routine {}({})", sql.Identifier(schema, name), types)
    else:
        keyword = "table" if grant.kind is Kind.RELATION else grant.kind.value
        on = fill(f"{keyword} {{}}", sql.Identifier(*grant.object))
    role = sql.SQL("public") if grant.role == PUBLIC else sql.Identifier(grant.role)
    return privilege, on, role


def fill(template: str, *parts: str | sql.Composable) -> sql.Composed:
    """Returns a statement with the parts in place of its `{}`; text becomes an identifier."""
    return sql.SQL(template).format(
        *(sql.Identifier(part) if isinstance(part, str) else part for part in parts)
    )


def describe(kind: Kind, name: Name) -> str:
    """Returns the name of an object as people write it, such as `analytics.view_daily_sales`."""
    if kind is Kind.ROUTINE:
        schema, routine, *arguments = name
        return f"{schema}.{routine}({', '.join(arguments)})"
    if kind is Kind.DEFAULT:
        owner, objects, schema = name
        return f"all future {objects} of {owner}{f' in {schema}' if schema else ''}"
    if kind in {Kind.DATABASE, Kind.SCHEMA, Kind.PARAMETER}:
        return f"{kind} {name[0]}"
    return ".".join(name)
