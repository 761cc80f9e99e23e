"""What somebody would try who wants more than they were given."""

from __future__ import annotations

from collections.abc import Iterator

from psycopg import sql

from assets.access.catalog import Catalog
from assets.access.facts import Kind
from assets.access.policy import Policy
from assets.access.report.attempts import REFUSED, Attempt, Statement
from assets.access.report.rights import Rights

_NOT_INSTALLED = frozenset({"0A000", "58P01"})
# Nobody may do these: no entry of the access file can give them.
_OUTRIGHT = {
    "run a program on the server": "copy (select 1) to program 'true'",
    "read the verifiers of passwords": "select rolpassword from pg_authid limit 0",
    "read samples of all columns": "select stavalues1 from pg_statistic limit 0",
    "read a file of the server": "select pg_read_file('PG_VERSION')",
    "list a folder of the server": "select pg_ls_dir('.')",
    "load a file into the database": "select lo_import('/etc/hostname')",
    "keep a large object": "select lo_create(0)",
    "make a role": "create role access_probe",
    "lift the own limit of sessions": "alter role current_user connection limit 100",
    "become superuser": "alter role current_user superuser",
    "switch triggers off for a session": "set session_replication_role = replica",
    "write to a table after switching read-only off": (
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
    "empty the audit log": 'truncate "ASSESSMENT"."TB_AUDIT_LOG"',
}


def escalations(policy: Policy, catalog: Catalog, rights: Rights) -> Iterator[Attempt]:
    """Yields every escape for the role that these are the rights of."""
    for action, statement in _OUTRIGHT.items():
        yield _escalation(action, sql.SQL(statement), is_allowed=False)
    yield _escalation(
        "make an extension",
        sql.SQL("create extension dblink schema analytics"),
        False,
        impossible=_NOT_INSTALLED,
    )
    database = (catalog.database,)
    yield _escalation(
        "make a temporary table",
        sql.SQL("create temporary table access_probe (x int)"),
        rights.has(Kind.DATABASE, database, "TEMPORARY"),
    )
    yield _escalation(
        "make a schema",
        sql.SQL("create schema access_probe"),
        rights.has(Kind.DATABASE, database, "CREATE"),
    )
    for role in [*policy.holders, *policy.operators]:
        if role != rights.role or role in policy.teams:
            yield from _becoming(role, rights)
    for schema in catalog.schemas:
        yield from _making_in(schema, rights)
    yield from _dropping(catalog, rights)


def _becoming(role: str, rights: Rights) -> Iterator[Attempt]:
    """Yields ways to a role's rights; the own team's too, as which a person would be nobody."""
    name = sql.Identifier(role)
    is_allowed = role in rights.can_become
    yield _escalation("become", sql.SQL("set role {}").format(name), is_allowed, on=role)
    yield _escalation("join", sql.SQL("grant {} to current_user").format(name), False, on=role)
    yield _escalation(
        "pretend to be", sql.SQL("set session authorization {}").format(name), False, on=role
    )


def _making_in(schema: str, rights: Rights) -> Iterator[Attempt]:
    made = {
        "a table": "create table {} (x int)",
        "a view": "create view {} as select 1 as x",
        "a function": "create function {}() returns int language sql as 'select 1'",
    }
    for what, template in made.items():
        statement = sql.SQL(template).format(sql.Identifier(schema, "access_probe"))
        yield _escalation(f"make {what} in", statement, rights.may_create_in(schema), on=schema)


def _dropping(catalog: Catalog, rights: Rights) -> Iterator[Attempt]:
    """Yields what only an owner may do to relations, for every one that is no partition."""
    for relation in catalog.relations:
        if relation.is_partition or relation.kind is Kind.SEQUENCE:
            continue
        label, name = ".".join(relation.name), sql.Identifier(*relation.name)
        owns = rights.owns(relation.kind, relation.name)
        kind = "view" if relation.is_view else "table"
        yield _escalation("drop", sql.SQL(f"drop {kind} {{}}").format(name), owns, on=label)
        if not relation.is_view:
            disable = sql.SQL("alter table {} disable trigger user").format(name)
            yield _escalation("switch off the triggers of", disable, owns, on=label)


def _escalation(
    action: str,
    statement: Statement,
    is_allowed: bool,
    on: str = "",
    impossible: frozenset[str] = frozenset(),
) -> Attempt:
    denied_by = REFUSED | impossible
    return Attempt(
        "escalations", on, action, statement, is_allowed, denied_by=denied_by, locks_last=bool(on)
    )
