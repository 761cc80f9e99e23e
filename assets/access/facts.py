"""Facts about access: each either holds in the warehouse or does not, and reads as a sentence.

What the file says and what PostgreSQL holds are both sets of these, so that drift is their
difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

PUBLIC = "PUBLIC"

Name = tuple[str, ...]
"""A name in its parts: schema and relation; of a routine also the types of its arguments."""


class Kind(StrEnum):
    """What a privilege is on."""

    DATABASE = "database"
    SCHEMA = "schema"
    RELATION = "relation"
    SEQUENCE = "sequence"
    ROUTINE = "routine"
    PARAMETER = "parameter"
    DEFAULT = "default"
    """What will be made: owner, kind of object, and schema or nothing."""


class Membership(StrEnum):
    """What being a member of a role gives."""

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
        what = f"{self.privilege}({self.column})" if self.column else self.privilege
        verb = "may pass on" if self.is_grantable else "has"
        return f"{self.role} {verb} {what} on {describe(self.kind, self.object)}"


@dataclass(frozen=True)
class Member:
    """One right that a role has by being a member of another."""

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
    """What a role's sessions begin with: everywhere, or in one database only."""

    role: str
    name: str
    value: str
    database: str | None = None

    def __str__(self) -> str:
        where = f" in database {self.database}" if self.database else ""
        return f"{self.role} begins{where} with {self.name} = {self.value}"


@dataclass(frozen=True)
class Owner:
    """A role owns an object."""

    role: str
    kind: Kind
    object: Name

    def __str__(self) -> str:
        return f"{self.role} owns {describe(self.kind, self.object)}"


@dataclass(frozen=True)
class Exists:
    """An object that the file names is there."""

    kind: Kind
    object: Name

    def __str__(self) -> str:
        return f"{describe(self.kind, self.object)} exists"


Fact = Grant | Member | InTeams | Attribute | ConnectionLimit | Setting | Owner | Exists


def describe(kind: Kind, name: Name) -> str:
    """Names an object as people write it, such as `analytics.view_daily_sales`."""
    if kind is Kind.ROUTINE:
        schema, routine, *arguments = name
        return f"{schema}.{routine}({', '.join(arguments)})"
    if kind is Kind.DEFAULT:
        owner, objects, schema = name
        return f"all {objects} that {owner} will make{f' in {schema}' if schema else ''}"
    if kind in {Kind.DATABASE, Kind.SCHEMA, Kind.PARAMETER}:
        return f"{kind} {name[0]}"
    return ".".join(name)
