"""What the warehouse contains, from its system catalogs: schemas, relations, routines, people."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, LiteralString, TypeVar

from psycopg import sql
from psycopg.rows import args_row

from assets.access.facts import Kind, Name
from assets.access.policy import Policy
from assets.resources.warehouse import Connection, Query

Row = TypeVar("Row")

_FRAGMENTS = {
    # Schemas that are not PostgreSQL's own; nobody can create one whose name begins with pg_.
    "is_ours": sql.SQL("nspname !~ '^pg_' and nspname <> 'information_schema'"),
    # What PostgreSQL lets everybody execute and the platform closes: with advisory locks and large
    # objects anybody who can log in could stall programs or fill the disk.
    "is_closed": sql.SQL(
        "nspname = 'pg_catalog' and (proname ~ '^pg_(try_)?advisory_' "
        "or proname in ('lo_creat', 'lo_create', 'lo_from_bytea'))"
    ),
    # Tables (partitioned and foreign ones too), views and sequences; no indexes, no types.
    "is_relation": sql.SQL("relkind in ('r', 'p', 'v', 'm', 'f', 'S')"),
    "relation_kind": sql.SQL("case when relkind = 'S' then 'sequence' else 'relation' end"),
    # The types of a routine's arguments, as PostgreSQL writes them.
    "arguments": sql.SQL(
        "array(select format_type(argument.type, null) from "
        "unnest(proargtypes) with ordinality as argument (type, place) order by argument.place)"
    ),
}


def catalog_query(text: LiteralString) -> sql.Composed:
    """Returns a query over the system catalogs, with the fragments that it names in braces."""
    return sql.SQL(text).format(**_FRAGMENTS)


_DATABASE = """
    select datname::text, pg_get_userbyid(datdba)::text
    from pg_database
    where datname = current_database()
"""
_SCHEMAS = catalog_query("""
    select nspname::text, pg_get_userbyid(nspowner)::text
    from pg_namespace
    where {is_ours}
    order by nspname
""")
_RELATIONS = catalog_query("""
    select
        array[nspname, relname]::text[],
        relkind::text,
        relispartition,
        pg_get_userbyid(relowner)::text,
        coalesce(
            array_agg(array[attname::text, format_type(atttypid, atttypmod)] order by attnum)
                filter (where attnum > 0 and not attisdropped),
            '{{}}'
        )
    from pg_class
    join pg_namespace on pg_namespace.oid = relnamespace
    left join pg_attribute on attrelid = pg_class.oid
    where {is_relation} and {is_ours}
    group by pg_class.oid, nspname
    order by nspname, relname
""")
_ROUTINES = catalog_query("""
    select
        array[nspname, proname]::text[] || {arguments},
        prokind = 'p',
        pg_get_userbyid(proowner)::text
    from pg_proc
    join pg_namespace on pg_namespace.oid = pronamespace
    where {is_ours} or {is_closed}
    order by nspname, proname
""")
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

    @property
    def kind(self) -> Kind:
        """Whether its privileges are those of a sequence or of a relation."""
        return Kind.SEQUENCE if self.relkind == "S" else Kind.RELATION

    @property
    def is_view(self) -> bool:
        """Whether it is a view; writing to a view writes to the tables beneath."""
        return self.relkind == "v"


@dataclass(frozen=True)
class Routine:
    """A function or procedure; its name ends with the types of its arguments."""

    name: Name
    is_procedure: bool
    owner: str


@dataclass(frozen=True)
class Catalog:
    """The objects and people of the warehouse: owners by schema, and teams by person."""

    database: str
    database_owner: str
    schemas: Mapping[str, str] = field(default_factory=dict)
    relations: Sequence[Relation] = ()
    routines: Sequence[Routine] = ()
    people: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def relations_like(self, qualified: str, kind: Kind = Kind.RELATION) -> list[Relation]:
        """Returns the relations, or sequences, that match a name or pattern of the file."""
        return [
            relation
            for relation in self.relations
            if relation.kind is kind and fnmatchcase(".".join(relation.name), qualified)
        ]

    def routines_named(self, qualified: str) -> list[Routine]:
        """Returns the routines of that name with any arguments."""
        return [routine for routine in self.routines if ".".join(routine.name[:2]) == qualified]

    def owned_objects(self) -> Iterator[tuple[str, Kind, Name]]:
        """Yields every object with its owner first."""
        yield self.database_owner, Kind.DATABASE, (self.database,)
        for schema, owner in self.schemas.items():
            yield owner, Kind.SCHEMA, (schema,)
        for relation in self.relations:
            yield relation.owner, relation.kind, relation.name
        for routine in self.routines:
            yield routine.owner, Kind.ROUTINE, routine.name


def rows_of(
    connection: Connection, make: Callable[..., Row], query: Query, **values: object
) -> list[Row]:
    """Returns what `make` returns for the columns of each row; arrays arrive as (nested) tuples."""

    def make_of(*columns: object) -> Row:
        return make(*map(_frozen, columns))

    return connection.cursor(row_factory=args_row(make_of)).execute(query, values).fetchall()


def read_catalog(connection: Connection, policy: Policy) -> Catalog:
    """Reads the contents of the connected database, as any role can."""
    [(database, owner)] = rows_of(connection, _pair, _DATABASE)
    teams, known = list(policy.teams), [*policy.holders, *policy.operators]
    return Catalog(
        database=database,
        database_owner=owner,
        schemas=dict(rows_of(connection, _pair, _SCHEMAS)),
        relations=rows_of(connection, Relation, _RELATIONS),
        routines=rows_of(connection, Routine, _ROUTINES),
        people=dict(rows_of(connection, _pair, _PEOPLE, teams=teams, known=known)),
    )


def _pair(first: str, second: Any) -> tuple[str, Any]:
    return first, second


def _frozen(value: object) -> object:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
