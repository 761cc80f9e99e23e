"""The attempts of the report: statements, and whether the access file allows them.

PostgreSQL checks privileges before it reads rows, so a statement that concerns no row is as good a
test as one that does. Writing through a view also needs privileges on the tables beneath, so the
owner of a view only reads it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from psycopg import sql

from assets.access.catalog import Catalog, Relation, Routine
from assets.access.facts import Kind, describe
from assets.access.policy import COLUMN_PRIVILEGES, Policy
from assets.access.report.rights import Rights

Statement = sql.SQL | sql.Composed

_REFUSED = frozenset({"42501"})  # insufficient_privilege
# Errors for views: the view or one of its columns is not updatable, or it is not a table.
_IMPOSSIBLE = frozenset({"55000", "0A000", "42809"})

OF_RELATIONS = (*COLUMN_PRIVILEGES, "delete", "truncate")
OF_COLUMNS = COLUMN_PRIVILEGES
OF_SEQUENCES = {
    "usage": "select nextval({literal})",
    "select": "select last_value from {name}",
    "update": "select setval({literal}, 1)",
}

_READ_ONLY = "set transaction read only; "
_NOT_INSTALLED = frozenset({"0A000", "58P01"})
# No entry of the access file can allow these.
_ALWAYS_DENIED = {
    "run a program on the server": "copy (select 1) to program 'cat > /dev/null'",
    "read password verifiers": "select rolpassword from pg_authid limit 0",
    "read samples of all columns": "select stavalues1 from pg_statistic limit 0",
    "read a file of the server": "select pg_read_file('PG_VERSION')",
    "list a directory of the server": "select pg_ls_dir('.')",
    "load a file into the database": "select lo_import('/etc/hostname')",
    "create a large object": "select lo_create(0)",
    "create a role": "create role access_probe",
    "raise their own connection limit": "alter role current_user connection limit 100",
    "become superuser": "alter role current_user superuser",
    "disable triggers for a session": "set session_replication_role = replica",
    "write to a table after disabling read-only": (
        "set default_transaction_read_only = off; set transaction read write; "
        'insert into "ASSESSMENT"."TB_MEMBERSHIP" ("FIRST_NAME") select null::text where false'
    ),
    "delete from the audit log": 'delete from "ASSESSMENT"."TB_AUDIT_LOG"',
    "change the audit log": (
        """update "ASSESSMENT"."TB_AUDIT_LOG" set "ACTING_PERSON_TXT" = 'nobody'"""
    ),
    "forge an entry of the audit log": (
        'insert into "ASSESSMENT"."TB_AUDIT_LOG" ("ACTING_PERSON_TXT") select null where false'
    ),
    "truncate the audit log": 'truncate "ASSESSMENT"."TB_AUDIT_LOG"',
}


@dataclass(frozen=True)
class Attempt:
    """One statement to try.

    Args:
        statement: SQL that concerns no row.
        is_allowed: Whether the access file allows it.
        denied_by: SQL states that mean a denial; any other error occurs after the privilege check.
        locks_last: Whether PostgreSQL checks the privilege before it waits for a lock.
    """

    section: str
    on: str
    action: str
    statement: Statement
    is_allowed: bool
    column: str | None = None
    denied_by: frozenset[str] = _REFUSED
    locks_last: bool = False


def on_relations(policy: Policy, catalog: Catalog, rights: Rights) -> Iterator[Attempt]:
    """Yields attempts on every relation, and on every column of the migrated tables."""
    for relation in catalog.relations:
        if relation.kind is Kind.SEQUENCE:
            yield from _on_sequence(relation, rights)
            continue
        is_own_view = relation.is_view and rights.owns(relation.kind, relation.name)
        for action in ("select",) if is_own_view else OF_RELATIONS:
            yield Attempt(
                section="relations",
                on=describe(relation.kind, relation.name),
                action=action,
                statement=_statement(action, relation, [name for name, _ in relation.columns]),
                is_allowed=rights.may(relation, action.upper()),
                denied_by=_REFUSED | _IMPOSSIBLE if relation.is_view else _REFUSED,
                locks_last=action == "truncate",
            )
        if relation.name[0] not in policy.built_by_dbt and not relation.is_partition:
            yield from _on_columns(relation, rights)


def on_routines(catalog: Catalog, rights: Rights) -> Iterator[Attempt]:
    """Yields a call of every routine, with nulls, in a read-only transaction."""
    for routine in catalog.routines:
        yield Attempt(
            section="routines",
            on=describe(Kind.ROUTINE, routine.name),
            action="execute",
            statement=_call(routine),
            is_allowed=rights.may_execute(routine),
        )


def _on_columns(relation: Relation, rights: Rights) -> Iterator[Attempt]:
    for column, _ in relation.columns:
        for action in OF_COLUMNS:
            yield Attempt(
                section="relations",
                on=describe(relation.kind, relation.name),
                action=action,
                column=column,
                statement=_statement(action, relation, [column]),
                is_allowed=rights.may_column(relation, column, action.upper()),
            )


def _on_sequence(sequence: Relation, rights: Rights) -> Iterator[Attempt]:
    """Yields attempts in a read-only transaction, because a sequence never rolls back."""
    name = sql.Identifier(*sequence.name)
    for action, statement in OF_SEQUENCES.items():
        yield Attempt(
            section="sequences",
            on=describe(sequence.kind, sequence.name),
            action=action,
            statement=sql.SQL(_READ_ONLY + statement).format(
                name=name, literal=sql.Literal(name.as_string())
            ),
            is_allowed=rights.may(sequence, action.upper()),
        )


def _statement(action: str, relation: Relation, columns: list[str]) -> sql.Composed:
    types = dict(relation.columns)
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    templates = {
        "select": "select {columns} from {relation} limit 0",
        "insert": (
            "insert into {relation} ({columns}) overriding system value select {nulls} where false"
        ),
        "update": "update {relation} set {defaults} where false",
        "delete": "delete from {relation} where false",
        "truncate": "truncate {relation}",
    }
    return sql.SQL(templates[action]).format(
        relation=sql.Identifier(*relation.name),
        columns=names,
        nulls=sql.SQL(", ").join(sql.SQL(f"null::{types[column]}") for column in columns),
        defaults=sql.SQL(", ").join(
            sql.SQL("{} = default").format(sql.Identifier(column)) for column in columns
        ),
    )


def _call(routine: Routine) -> sql.Composed:
    schema, name, *arguments = routine.name
    nulls = sql.SQL(", ").join(sql.SQL(f"null::{argument}") for argument in arguments)
    verb = "call" if routine.is_procedure else "select"
    return sql.SQL(_READ_ONLY + verb + " {}({})").format(sql.Identifier(schema, name), nulls)


def escalations(policy: Policy, catalog: Catalog, rights: Rights) -> Iterator[Attempt]:
    """Yields attempts to get more rights than the role has."""
    for action, statement in _ALWAYS_DENIED.items():
        yield _escalation(action, sql.SQL(statement), is_allowed=False)
    yield _escalation(
        "create an extension",
        sql.SQL("create extension dblink schema analytics"),
        False,
        impossible=_NOT_INSTALLED,
    )
    database = (catalog.database,)
    yield _escalation(
        "create a temporary table",
        sql.SQL("create temporary table access_probe (x int)"),
        rights.has(Kind.DATABASE, database, "TEMPORARY"),
    )
    yield _escalation(
        "create a schema",
        sql.SQL("create schema access_probe"),
        rights.has(Kind.DATABASE, database, "CREATE"),
    )
    for role in [*policy.holders, *policy.operators]:
        if role != rights.role or role in policy.teams:
            yield from _become(role, rights)
    for schema in catalog.schemas:
        yield from _create_in(schema, rights)
    yield from _drop(catalog, rights)


def _become(role: str, rights: Rights) -> Iterator[Attempt]:
    """Yields ways to another role's rights, also the own team's, which would hide the person."""
    name = sql.Identifier(role)
    is_allowed = rights.can_become(role)
    yield _escalation("become", sql.SQL("set role {}").format(name), is_allowed, on=role)
    yield _escalation("join", sql.SQL("grant {} to current_user").format(name), False, on=role)
    yield _escalation(
        "impersonate", sql.SQL("set session authorization {}").format(name), False, on=role
    )


def _create_in(schema: str, rights: Rights) -> Iterator[Attempt]:
    templates = {
        "a table": "create table {} (x int)",
        "a view": "create view {} as select 1 as x",
        "a function": "create function {}() returns int language sql as 'select 1'",
    }
    for what, template in templates.items():
        statement = sql.SQL(template).format(sql.Identifier(schema, "access_probe"))
        yield _escalation(f"create {what} in", statement, rights.may_create_in(schema), on=schema)


def _drop(catalog: Catalog, rights: Rights) -> Iterator[Attempt]:
    """Yields what only the owner of a relation may do; partitions are left out."""
    for relation in catalog.relations:
        if relation.is_partition or relation.kind is Kind.SEQUENCE:
            continue
        label, name = ".".join(relation.name), sql.Identifier(*relation.name)
        owns = rights.owns(relation.kind, relation.name)
        kind = "view" if relation.is_view else "table"
        yield _escalation("drop", sql.SQL("drop {} {}").format(sql.SQL(kind), name), owns, on=label)
        if not relation.is_view:
            disable = sql.SQL("alter table {} disable trigger user").format(name)
            yield _escalation("disable the triggers of", disable, owns, on=label)


def _escalation(
    action: str,
    statement: Statement,
    is_allowed: bool,
    on: str = "",
    impossible: frozenset[str] = frozenset(),
) -> Attempt:
    denied_by = _REFUSED | impossible
    return Attempt(
        "escalations", on, action, statement, is_allowed, denied_by=denied_by, locks_last=bool(on)
    )
