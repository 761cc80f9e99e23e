"""Facts about access: each holds in the warehouse or does not, and reads as a sentence.

The access file and PostgreSQL's catalogs are both read as sets of facts, so drift is the difference
of two sets. A fact also knows the statement that establishes it and the one that ends it.
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


class Fact:
    """The base of all facts. Where a statement is None, only a person can decide what to do."""

    @property
    def slot(self) -> Name | None:
        """Names what can have only one value at a time; None for facts that exclude no other."""
        return None

    def grant_statement(self) -> sql.Composed | None:
        """Returns the statement that establishes the fact."""
        return None

    def revoke_statement(self) -> sql.Composed | None:
        """Returns the statement that ends the fact."""
        return None


@dataclass(frozen=True)
class Grant(Fact):
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

    def grant_statement(self) -> sql.Composed:
        """Returns a GRANT, with grant option where the privilege may be granted to others."""
        option = " with grant option" if self.is_grantable else ""
        return self._fill("grant {privilege} on {object} to {role}" + option)

    def revoke_statement(self) -> sql.Composed:
        """Returns a REVOKE of the privilege, or of its grant option."""
        option = "grant option for " if self.is_grantable else ""
        revoke = f"revoke {option}{{privilege}} on {{object}} from {{role}} cascade"
        if self.kind is Kind.DEFAULT:
            in_schema = " in schema {schema}" if self.object[2] else ""
            return self._fill(f"alter default privileges for role {{owner}}{in_schema} {revoke}")
        return self._fill(revoke)

    def _fill(self, template: str) -> sql.Composed:
        privilege: sql.Composable = sql.SQL(self.privilege)
        if self.column:
            privilege = _fill("{} ({})", privilege, sql.Identifier(self.column))
        names: dict[str, sql.Composable] = {}
        if self.kind is Kind.DEFAULT:
            owner, objects, schema = self.object
            names = {"owner": sql.Identifier(owner), "schema": sql.Identifier(schema)}
            on: sql.Composable = sql.SQL(objects)
        elif self.kind is Kind.ROUTINE:
            schema, name, *arguments = self.object
            types = sql.SQL(", ".join(arguments))  # written by PostgreSQL itself
            on = _fill("routine {}({})", sql.Identifier(schema, name), types)
        else:
            keyword = "table" if self.kind is Kind.RELATION else self.kind.value
            on = _fill(keyword + " {}", sql.Identifier(*self.object))
        role = sql.SQL("public") if self.role == PUBLIC else sql.Identifier(self.role)
        return _fill(template, privilege=privilege, object=on, role=role, **names)


@dataclass(frozen=True)
class Member(Fact):
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

    def revoke_statement(self) -> sql.Composed:
        """Returns a REVOKE of the membership, or of one of its options."""
        option = "" if self.right is Membership.INHERIT else f"{self.right} option for "
        names = sql.Identifier(self.group), sql.Identifier(self.role)
        return _fill(f"revoke {option}{{}} from {{}} cascade", *names)


@dataclass(frozen=True)
class InTeams(Fact):
    """A person who is in more than one team."""

    role: str
    teams: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.role} is in {' and '.join(self.teams)}"


@dataclass(frozen=True)
class Attribute(Fact):
    """An attribute of a role, such as LOGIN or SUPERUSER."""

    role: str
    name: str

    def __str__(self) -> str:
        return f"{self.role} is {self.name}"

    def revoke_statement(self) -> sql.Composed:
        """Returns an ALTER ROLE without the attribute."""
        return _fill(f"alter role {{}} no{self.name.lower()}", sql.Identifier(self.role))


@dataclass(frozen=True)
class ConnectionLimit(Fact):
    """How many sessions a role may have at once."""

    role: str
    limit: int

    def __str__(self) -> str:
        return f"{self.role} may have {'any number of' if self.limit < 0 else self.limit} sessions"

    @property
    def slot(self) -> Name:
        """A role has one limit."""
        return (self.role,)

    def grant_statement(self) -> sql.Composed:
        """Returns an ALTER ROLE with the limit."""
        names = sql.Identifier(self.role), sql.Literal(self.limit)
        return _fill("alter role {} connection limit {}", *names)


@dataclass(frozen=True)
class Setting(Fact):
    """A setting with which sessions of a role start, in all databases or in one."""

    role: str
    name: str
    value: str
    database: str | None = None

    def __str__(self) -> str:
        where = f" in database {self.database}" if self.database else ""
        return f"{self.role} starts sessions{where} with {self.name} = {self.value}"

    @property
    def slot(self) -> Name:
        """A setting has one value in one place."""
        return self.role, self.name, self.database or ""

    def grant_statement(self) -> sql.Composed:
        """Returns an ALTER ROLE with the setting."""
        names = sql.Identifier(self.role), sql.Identifier(self.name)
        return _fill("alter role {} set {} = {}", *names, sql.Literal(self.value))

    def revoke_statement(self) -> sql.Composed:
        """Returns an ALTER ROLE that resets the setting."""
        where = _fill(" in database {}", sql.Identifier(self.database)) if self.database else None
        names = sql.Identifier(self.role), where or sql.SQL(""), sql.Identifier(self.name)
        return _fill("alter role {}{} reset {}", *names)


@dataclass(frozen=True)
class Owner(Fact):
    """A role owns an object."""

    role: str
    kind: Kind
    object: Name

    def __str__(self) -> str:
        return f"{self.role} owns {describe(self.kind, self.object)}"


@dataclass(frozen=True)
class Exists(Fact):
    """An object that the access file names exists."""

    kind: Kind
    object: Name

    def __str__(self) -> str:
        return f"{describe(self.kind, self.object)} exists"


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


def _fill(template: str, *parts: sql.Composable, **named_parts: sql.Composable) -> sql.Composed:
    return sql.SQL(template).format(*parts, **named_parts)
