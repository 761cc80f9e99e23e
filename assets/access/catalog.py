"""What is in the warehouse: its schemas, relations, routines and people, read from the catalogs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TypeVar

from psycopg.rows import args_row

from assets.access.facts import Kind, Name
from assets.access.policy import Policy
from assets.resources.warehouse import Connection

Row = TypeVar("Row")

OURS = "nspname !~ '^pg_' and nspname <> 'information_schema'"
"""Schemas that are not PostgreSQL's own; nobody can make one whose name begins with pg_."""

RELATIONS = "relkind in ('r', 'p', 'v', 'm', 'f', 'S')"
"""Tables, partitioned and foreign ones too, views and sequences; no indexes, no types."""

ARGUMENTS = (
    "array(select format_type(argument.type, null) "
    "from unnest(proargtypes) with ordinality as argument (type, place) order by argument.place)"
)
"""The types of a routine's arguments, as PostgreSQL writes them."""

_DATABASE = """
    select datname::text, pg_get_userbyid(datdba)::text
    from pg_database
    where datname = current_database()
"""
_SCHEMAS = f"""
    select nspname::text, pg_get_userbyid(nspowner)::text
    from pg_namespace
    where {OURS}
    order by nspname
"""  # noqa: S608
_RELATIONS = f"""
    select
        array[nspname, relname]::text[],
        relkind::text,
        relispartition,
        pg_get_userbyid(relowner)::text,
        array_agg(array[attname::text, format_type(atttypid, atttypmod)] order by attnum)
            filter (where attnum > 0 and not attisdropped)
    from pg_class
    join pg_namespace on pg_namespace.oid = relnamespace
    left join pg_attribute on attrelid = pg_class.oid
    where {RELATIONS} and {OURS}
    group by pg_class.oid, nspname
    order by nspname, relname
"""  # noqa: S608
_ROUTINES = f"""
    select
        array[nspname, proname]::text[] || {ARGUMENTS},
        prokind = 'p',
        pg_get_userbyid(proowner)::text
    from pg_proc
    join pg_namespace on pg_namespace.oid = pronamespace
    where {OURS}
    order by nspname, proname
"""  # noqa: S608
_PEOPLE = """
    select person.rolname::text, array_agg(distinct team.rolname::text order by team.rolname::text)
    from pg_auth_members
    join pg_roles as person on person.oid = member
    join pg_roles as team on team.oid = roleid
    where
        person.rolcanlogin
        and team.rolname = any(%(teams)s)
        and not person.rolname = any(%(known)s)
    group by person.rolname
    order by person.rolname
"""


@dataclass(frozen=True)
class Relation:
    """A table, view or sequence; columns are pairs of name and type, as SQL writes the type."""

    name: Name
    relkind: str
    is_partition: bool
    owner: str
    columns: tuple[tuple[str, str], ...]

    @staticmethod
    def of(
        name: list[str], relkind: str, is_partition: bool, owner: str, columns: list[list[str]]
    ) -> Relation:
        """Returns the relation of a row."""
        pairs = tuple((column, type_name) for column, type_name in columns or ())
        return Relation(tuple(name), relkind, is_partition, owner, pairs)

    @property
    def kind(self) -> Kind:
        """Whether privileges on it are those of a sequence or of a relation."""
        return Kind.SEQUENCE if self.relkind == "S" else Kind.RELATION

    @property
    def is_view(self) -> bool:
        """Tells whether it is a view: who writes to it writes to the tables beneath."""
        return self.relkind == "v"


@dataclass(frozen=True)
class Routine:
    """A function or procedure; its name ends with the types of its arguments."""

    name: Name
    is_procedure: bool
    owner: str

    @staticmethod
    def of(name: list[str], is_procedure: bool, owner: str) -> Routine:
        """Returns the routine of a row."""
        return Routine(tuple(name), is_procedure, owner)


@dataclass(frozen=True)
class Catalog:
    """What is there.

    Args:
        schemas: The owner of each schema.
        people: The teams of each login role that is in one and is no program's.
    """

    database: str
    database_owner: str
    schemas: Mapping[str, str] = field(default_factory=dict)
    relations: Sequence[Relation] = ()
    routines: Sequence[Routine] = ()
    people: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def relations_like(self, qualified: str, kind: Kind = Kind.RELATION) -> list[Relation]:
        """Returns the relations, or sequences, that a name or pattern of the file means."""
        return [
            relation
            for relation in self.relations
            if relation.kind is kind and fnmatchcase(".".join(relation.name), qualified)
        ]

    def routines_named(self, qualified: str) -> list[Routine]:
        """Returns the routines of that name, whatever their arguments."""
        return [routine for routine in self.routines if ".".join(routine.name[:2]) == qualified]


def rows_of(
    connection: Connection, make: Callable[..., Row], query: str, **values: object
) -> list[Row]:
    """Makes something of each row of a query's result; its columns are the arguments."""
    return connection.cursor(row_factory=args_row(make)).execute(query, values).fetchall()


def read_catalog(connection: Connection, policy: Policy) -> Catalog:
    """Reads what is in the database that the connection is to; any role may."""
    [(database, owner)] = rows_of(connection, _pair, _DATABASE)
    teams, known = list(policy.teams), [*policy.holders, *policy.operators]
    return Catalog(
        database=database,
        database_owner=owner,
        schemas=dict(rows_of(connection, _pair, _SCHEMAS)),
        relations=rows_of(connection, Relation.of, _RELATIONS),
        routines=rows_of(connection, Routine.of, _ROUTINES),
        people=dict(rows_of(connection, _person, _PEOPLE, teams=teams, known=known)),
    )


def _pair(first: str, second: str) -> tuple[str, str]:
    return first, second


def _person(name: str, teams: list[str]) -> tuple[str, tuple[str, ...]]:
    return name, tuple(teams)
