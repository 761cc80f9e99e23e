"""Whether the administrator of the database can evade the audit log, forge it or change it."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import product

import psycopg

from assets.access.checks import every_change_of_a_sales_table_is_stamped_audited_and_queued
from assets.access.facts import fill
from assets.resources.warehouse import read_value, read_values
from infra.postgres.bootstrap import WAREHOUSE
from tests.campaigns.security.attempt import Attempt, Target

_BECOME_THE_OWNER = (
    "set role darkroom_owner",
    "set role darkroom_migrator",
    "grant darkroom_owner to current_user",
    "grant darkroom_migrator to current_user",
    "alter role darkroom_owner login",
    "alter role darkroom_migrator login",
    "alter role darkroom_migrator password 'guessed-by-nobody-1'",
    "alter role current_user superuser",
    "create role mine superuser",
    "create role mine in role darkroom_owner",
    "create role mine in role darkroom_migrator",
    "set session_replication_role = replica",
)
_EVADE = (
    'alter table "ASSESSMENT"."TB_ITEM" disable trigger write_audit',
    'alter table "ASSESSMENT"."TB_ITEM" disable trigger all',
    'drop trigger write_audit on "ASSESSMENT"."TB_ITEM"',
    'drop trigger queue_update on "ASSESSMENT"."TB_ITEM"',
    'create rule mine as on update to "ASSESSMENT"."TB_ITEM" do instead nothing',
    'alter function "ASSESSMENT".write_audit() rename to gone',
    'delete from "ASSESSMENT".personal_column',
)
_CHANGE = (
    'delete from "ASSESSMENT"."TB_AUDIT_LOG"',
    'truncate "ASSESSMENT"."TB_AUDIT_LOG"',
    'drop table "ASSESSMENT"."TB_AUDIT_LOG"',
    """update "ASSESSMENT"."TB_AUDIT_LOG" set "ACTING_PERSON_TXT" = 'nobody'""",
    'alter table "ASSESSMENT"."TB_AUDIT_LOG" disable trigger all',
)
_LOOK_ALIKE = (
    'create temporary table "TB_ITEM" ("ITEM_ID_NO" bigint)',
    'create table public."TB_ITEM" ("ITEM_ID_NO" bigint)',
    'create table "ASSESSMENT"."TB_ITEM_2" ("ITEM_ID_NO" bigint)',
    "create schema mine",
)
_FORGE = """
    create trigger mine after insert on {}
    for each row execute function "ASSESSMENT".write_audit('ITEM_ID_NO')
"""
_ENTRIES = 'select count(*) from "ASSESSMENT"."TB_AUDIT_LOG"'


def _done_as_admin(statements: tuple[str, ...], target: Target) -> Iterator[str]:
    """Yields the statements that PostgreSQL executes for the administrator."""
    with psycopg.connect(target.env["DATABASE_ADMIN_URL"]) as admin:
        read_value(admin, _ENTRIES)  # the administrator may read it
        for statement in statements:
            try:
                admin.execute(fill(statement))
                yield statement
            except psycopg.errors.InsufficientPrivilege:
                continue
            finally:
                admin.rollback()


def _forge(target: Target) -> Iterator[str]:
    yield from _done_as_admin(_LOOK_ALIKE, target)
    with psycopg.connect(target.env["DATABASE_ADMIN_URL"]) as admin:
        may = "select has_function_privilege('\"ASSESSMENT\".write_audit()', 'execute')"
        if read_value(admin, may):
            yield "the administrator may execute write_audit"
        with _look_alike(target):
            before = read_value(admin, _ENTRIES)
            try:
                admin.execute('insert into look_alike."TB_ITEM" values (7)')
            except psycopg.errors.InsufficientPrivilege:
                admin.rollback()
            if read_value(admin, _ENTRIES) != before:
                yield "a row of a look-alike table is in the log"
            admin.rollback()


@contextmanager
def _look_alike(target: Target) -> Iterator[None]:
    """Gives the administrator a table with the log's trigger, as if creating it were possible."""
    with psycopg.connect(target.stack.superuser_conninfo(WAREHOUSE)) as superuser:
        superuser.execute("create schema look_alike authorization darkroom_admin")
        superuser.execute('create table look_alike."TB_ITEM" ("ITEM_ID_NO" bigint)')
        superuser.execute(fill(_FORGE, fill('look_alike."TB_ITEM"')))
        superuser.execute('alter table look_alike."TB_ITEM" owner to darkroom_admin')
        superuser.commit()
        try:
            yield
        finally:
            superuser.rollback()
            superuser.execute("drop schema look_alike cascade")


def _go_unnoticed(target: Target) -> Iterator[str]:
    """Does what only a superuser can, and looks whether the daily check sees it."""
    if not _check_passes(target):
        raise AssertionError("the check does not pass as it is")
    tables = "select distinct tgrelid::regclass::text from pg_trigger where tgname = 'write_audit'"
    with psycopg.connect(target.stack.superuser_conninfo(WAREHOUSE)) as superuser:
        for table, trigger in product(
            read_values(superuser, tables), ("write_audit", "queue_update")
        ):
            name = fill(table), fill(trigger)
            superuser.execute(fill("alter table {} disable trigger {}", *name))
            superuser.commit()
            try:
                if _check_passes(target):
                    yield f"{trigger} of {table} is off, and the check passes"
            finally:
                superuser.execute(fill("alter table {} enable trigger {}", *name))
                superuser.commit()


def _check_passes(target: Target) -> bool:
    result = every_change_of_a_sales_table_is_stamped_audited_and_queued(platform=target.platform)
    return bool(getattr(result, "passed", False))


ATTEMPTS = (
    *(
        Attempt(f"{what}, as the administrator", partial(_done_as_admin, statements))
        for what, statements in {
            "become the owner of the tables": _BECOME_THE_OWNER,
            "switch the audit log off": _EVADE,
            "change the audit log": _CHANGE,
        }.items()
    ),
    Attempt("write false rows to the audit log by a look-alike table", _forge),
    Attempt("switch a trigger off without the daily check's noticing it", _go_unnoticed),
)
