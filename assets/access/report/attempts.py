"""What the report tries on relations and routines, and what each attempt should come to.

PostgreSQL looks at privileges before it looks at rows, so a statement that concerns no row tells as
much as one that does. Writing through a view needs the right to write to the tables beneath as
well, which is not a matter of the view: an owner's own views are only read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from psycopg import sql

from assets.access.catalog import Catalog, Relation, Routine
from assets.access.facts import Kind, describe
from assets.access.policy import Policy
from assets.access.report.rights import Rights

Statement = sql.SQL | sql.Composed

REFUSED = frozenset({"42501"})  # insufficient_privilege
# Of views: one that cannot be written to, a column of one that cannot be, and not being a table.
_IMPOSSIBLE = frozenset({"55000", "0A000", "42809"})

OF_RELATIONS = ("select", "insert", "update", "delete", "truncate")
OF_COLUMNS = OF_RELATIONS[:3]
OF_SEQUENCES = {
    "usage": "select nextval({literal})",
    "select": "select last_value from {name}",
    "update": "select setval({literal}, 1)",
}

_READ_ONLY = "set transaction read only; "


@dataclass(frozen=True)
class Attempt:
    """One thing that is tried.

    Args:
        section: The part of the report that it belongs to.
        on: What it is tried on, as the report's row says.
        action: What is tried.
        statement: SQL that concerns no row.
        is_allowed: What the access file says.
        column: The column, where it is about one.
        denied_by: SQL states that mean a refusal; any other error comes after the permission.
        locks_last: Whether PostgreSQL looks at the permission before it waits for a lock.
    """

    section: str
    on: str
    action: str
    statement: Statement
    is_allowed: bool
    column: str | None = None
    denied_by: frozenset[str] = REFUSED
    locks_last: bool = False


def on_relations(policy: Policy, catalog: Catalog, rights: Rights) -> Iterator[Attempt]:
    """Yields every privilege on every relation, and on every column of the migrated tables."""
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
                denied_by=REFUSED | _IMPOSSIBLE if relation.is_view else REFUSED,
                locks_last=action == "truncate",
            )
        if relation.name[0] not in policy.built_by_dbt and not relation.is_partition:
            yield from _on_columns(relation, rights)


def on_routines(catalog: Catalog, rights: Rights) -> Iterator[Attempt]:
    """Yields a call of every procedure and function, with nulls, where nothing may be written."""
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
    """Yields its privileges, tried where nothing may be written: a sequence never rolls back."""
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
