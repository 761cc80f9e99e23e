"""The attempts of the report: statements, and whether the access file allows them.

PostgreSQL checks privileges before it reads rows, so a statement that concerns no row is as good a
test as one that does. Writing through a view also needs privileges on the tables beneath, so the
owner of a view only reads it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from psycopg import sql

from assets.access.catalog import Catalog, Relation, Routine
from assets.access.facts import Fact, Grant, Kind, Member, Membership, Name, Owner, describe, fill
from assets.access.policy import COLUMN_PRIVILEGES, Policy

_REFUSED = frozenset({"42501"})  # insufficient_privilege
# Errors for views: the view or one of its columns is not updatable, or it is not a table.
_IMPOSSIBLE = frozenset({"55000", "0A000", "42809"})
_NOT_INSTALLED = frozenset({"0A000", "58P01"})

OF_COLUMNS = COLUMN_PRIVILEGES
OF_RELATIONS = (*OF_COLUMNS, "delete", "truncate")
OF_SEQUENCES = {
    "usage": "select nextval({literal})",
    "select": "select last_value from {name}",
    "update": "select setval({literal}, 1)",
}

_READ_ONLY = "set transaction read only; "
_ON_RELATIONS = {
    "select": "select {columns} from {relation} limit 0",
    "insert": (
        "insert into {relation} ({columns}) overriding system value select {nulls} where false"
    ),
    "update": "update {relation} set {defaults} where false",
    "delete": "delete from {relation} where false",
    "truncate": "truncate {relation}",
}
_IN_SCHEMAS = {
    "create a table in": "create table {} (x int)",
    "create a view in": "create view {} as select 1 as x",
    "create a function in": "create function {}() returns int language sql as 'select 1'",
}
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
    "raise their own limit of temporary files": "set temp_file_limit = -1",
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
    statement: sql.Composed
    is_allowed: bool
    column: str | None = None
    denied_by: frozenset[str] = _REFUSED
    locks_last: bool = False


@dataclass(frozen=True)
class Attempts:
    """The attempts by one role of the access file; `facts` are those that should hold."""

    role: str
    facts: frozenset[Fact]
    policy: Policy
    catalog: Catalog

    @property
    def may_connect(self) -> bool:
        """Whether the role may connect to the database."""
        return self._has_on_database("CONNECT")

    def each(self) -> Iterator[Attempt]:
        """Yields attempts on all relations and routines, and attempts to get more rights.

        Columns are tried of the migrated tables, and routines called with nulls. A transaction is
        read-only where a rollback would not undo everything.
        """
        for relation in self.catalog.relations:
            is_sequence = relation.kind is Kind.SEQUENCE
            yield from self._on_sequence(relation) if is_sequence else self._on_relation(relation)
        for routine in self.catalog.routines:
            name = routine.name
            may_execute = self._may_use(name) and self._has(Kind.ROUTINE, name, "EXECUTE")
            on = describe(Kind.ROUTINE, name)
            yield Attempt("routines", on, "execute", _call(routine), may_execute)
        yield from self._escalations()

    def _on_relation(self, relation: Relation) -> Iterator[Attempt]:
        on = describe(relation.kind, relation.name)
        is_own_view = relation.is_view and self._owns(relation)
        denied_by = _REFUSED | _IMPOSSIBLE if relation.is_view else _REFUSED
        columns = [name for name, _ in relation.columns]
        for action in ("select",) if is_own_view else OF_RELATIONS:
            yield Attempt(
                section="relations",
                on=on,
                action=action,
                statement=_statement(action, relation, columns),
                is_allowed=self._may(relation, action.upper()),
                denied_by=denied_by,
                locks_last=action == "truncate",
            )
        if relation.name[0] in self.policy.built_by_dbt or relation.is_partition:
            return
        for column in columns:
            for action in OF_COLUMNS:
                statement = _statement(action, relation, [column])
                may = self._may_column(relation, column, action.upper())
                yield Attempt("relations", on, action, statement, may, column, denied_by)

    def _on_sequence(self, sequence: Relation) -> Iterator[Attempt]:
        name = sql.Identifier(*sequence.name)
        names = {"name": name, "literal": sql.Literal(name.as_string())}
        for action, template in OF_SEQUENCES.items():
            statement = sql.SQL(_READ_ONLY + template).format(**names)
            on, may = describe(sequence.kind, sequence.name), self._may(sequence, action.upper())
            yield Attempt("sequences", on, action, statement, may)

    def _escalations(self) -> Iterator[Attempt]:
        for action, statement in _ALWAYS_DENIED.items():
            yield _escalation(action, fill(statement), is_allowed=False)
        extension = fill("create extension dblink schema analytics")
        yield _escalation("create an extension", extension, False, impossible=_NOT_INSTALLED)
        table = fill("create temporary table access_probe (x int)")
        yield _escalation("create a temporary table", table, self._has_on_database("TEMPORARY"))
        schema = fill("create schema access_probe")
        yield _escalation("create a schema", schema, self._has_on_database("CREATE"))
        for role in [*self.policy.holders, *self.policy.operators]:
            # To become the own team would hide the person in the audit log.
            if role != self.role or role in self.policy.teams:
                can_become = Member(self.role, role, Membership.SET) in self.facts
                yield _escalation("become", fill("set role {}", role), can_become, on=role)
                yield _escalation("join", fill("grant {} to current_user", role), False, on=role)
                impersonate = fill("set session authorization {}", role)
                yield _escalation("impersonate", impersonate, False, on=role)
        for name in self.catalog.schemas:
            may = self._may_use((name,)) and self._has(Kind.SCHEMA, (name,), "CREATE")
            for action, template in _IN_SCHEMAS.items():
                create = fill(template, sql.Identifier(name, "access_probe"))
                yield _escalation(action, create, may, on=name)
        for relation in self.catalog.relations:
            if not relation.is_partition and relation.kind is Kind.RELATION:
                yield from self._drop(relation)

    def _drop(self, relation: Relation) -> Iterator[Attempt]:
        on, owns = ".".join(relation.name), self._owns(relation)
        name = sql.Identifier(*relation.name)
        drop = fill(f"drop {'view' if relation.is_view else 'table'} {{}}", name)
        yield _escalation("drop", drop, owns, on=on)
        if not relation.is_view:
            disable = fill("alter table {} disable trigger user", name)
            yield _escalation("disable the triggers of", disable, owns, on=on)

    def _has(self, kind: Kind, name: Name, privilege: str) -> bool:
        """Whether the role has a privilege on a whole object, or owns it."""
        granted = Grant(self.role, kind, name, None, privilege)
        return granted in self.facts or Owner(self.role, kind, name) in self.facts

    def _has_on_database(self, privilege: str) -> bool:
        return self._has(Kind.DATABASE, (self.catalog.database,), privilege)

    def _owns(self, relation: Relation) -> bool:
        return Owner(self.role, relation.kind, relation.name) in self.facts

    def _may_use(self, name: Name) -> bool:
        is_everybodys = name[0] == "pg_catalog"
        return is_everybodys or self._has(Kind.SCHEMA, name[:1], "USAGE")

    def _may(self, relation: Relation, privilege: str) -> bool:
        """Whether the role has a privilege on a relation or on each of its columns."""
        if not self._may_use(relation.name):
            return False
        return self._has(relation.kind, relation.name, privilege) or (
            privilege.lower() in OF_COLUMNS
            and all(self._may_column(relation, column, privilege) for column, _ in relation.columns)
        )

    def _may_column(self, relation: Relation, column: str, privilege: str) -> bool:
        kind, name = relation.kind, relation.name
        granted = Grant(self.role, kind, name, column, privilege)
        return self._may_use(name) and (granted in self.facts or self._has(kind, name, privilege))


def _statement(action: str, relation: Relation, columns: list[str]) -> sql.Composed:
    types = dict(relation.columns)
    comma = sql.SQL(", ")
    return sql.SQL(_ON_RELATIONS[action]).format(
        relation=sql.Identifier(*relation.name),
        columns=comma.join(map(sql.Identifier, columns)),
        nulls=comma.join(sql.SQL(f"null::{types[column]}") for column in columns),
        defaults=comma.join(fill("{} = default", column) for column in columns),
    )


def _call(routine: Routine) -> sql.Composed:
    """Calls a routine with nulls; a strict function of constant nulls would not be looked at."""
    schema, name, *arguments = routine.name
    verb, null = ("call", "null::{}") if routine.is_procedure else ("select", "(select null::{})")
    nulls = sql.SQL(", ".join(map(null.format, arguments)))
    return fill(f"{_READ_ONLY}{verb} {{}}({{}})", sql.Identifier(schema, name), nulls)


def _escalation(
    action: str,
    statement: sql.Composed,
    is_allowed: bool,
    on: str = "",
    impossible: frozenset[str] = frozenset(),
) -> Attempt:
    denied_by = _REFUSED | impossible
    return Attempt(
        "escalations", on, action, statement, is_allowed, denied_by=denied_by, locks_last=bool(on)
    )
