"""Every state that an earlier version left is upgraded; that of a newer one is refused."""

import json
import lzma
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import dagster as dg
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from assets.access.drift import read_drift
from assets.access.policy import load_policy
from assets.catalog.checks import balance
from assets.errors import TablesVersionError
from assets.platform import Platform
from assets.resources.warehouse import NEWEST_MIGRATION, Warehouse
from assets.retention.receipt_store import read_receipts
from assets.retention.receipts import verify
from assets.retention.signing import from_pem, key_id
from infra.local.dbt import build
from infra.local.ports import free_ports
from infra.local.postgres import program
from infra.local.stack import Stack
from infra.local.state import StateFolder
from infra.postgres import bootstrap, migrations
from infra.postgres.bootstrap import DAGSTER_STORAGE, WAREHOUSE
from orchestration.sensors import image_backlog
from tests.commands import darkroom
from tests.integration.conftest import without_durability
from tests.integration.upgrades.record_state import STATES, dump

RECORDED = sorted(STATES.glob("*.sql.xz"))
OLDEST = RECORDED[0]
MIGRATIONS = Path(migrations.__file__).parent
# They landed in one commit with the migration that follows, so there never was such a state.
WITHOUT_STATE = {"0001", "0002", "0004", "0005"}
_BUILT_BY_DBT = ("staging", "analytics")
_DAY = re.compile(r"_20\d{6}")
_PUBLIC_KEY = re.compile(r"(?s)-- (-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----)")
_ROLES = "select rolname from pg_roles where rolname !~ '^pg_' and not rolsuper"
_TABLES = """
    select format('%I.%I', nspname, relname) from pg_class
    join pg_namespace on pg_namespace.oid = relnamespace
    where relkind in ('r', 'p') and not relispartition and nspname !~ '^pg_'
        and nspname not in ('information_schema', 'migration', 'staging', 'analytics')
"""
_PARTITIONS = """
    select parent.relname, child.relname,
        (
            select array_agg(array[
                attname, format_type(atttypid, atttypmod), attnotnull::text,
                pg_get_expr(adbin, adrelid)
            ] order by attname)
            from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum
            where attrelid = child.oid and attnum > 0 and not attisdropped
        ),
        (
            select array_agg(pg_get_constraintdef(oid) order by pg_get_constraintdef(oid))
            from pg_constraint where conrelid = child.oid
        ),
        (
            select array_agg(pg_get_indexdef(indexrelid) order by pg_get_indexdef(indexrelid))
            from pg_index where indrelid = child.oid
        )
    from pg_inherits
    join pg_class as parent on parent.oid = inhparent
    join pg_class as child on child.oid = inhrelid
    where parent.relkind = 'p'
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A database of its own: a state brings its roles, which belong to the whole server."""
    made = Stack(StateFolder(tmp_path_factory.mktemp("stack")), free_ports())
    try:
        made.start_database()
        yield without_durability(made)
    finally:
        made.stop()


@pytest.fixture(scope="module")
def fresh_schema(stack: Stack) -> list[str]:
    """What this version creates from nothing."""
    return schema(stack)


def schema(stack: Stack) -> list[str]:
    """The definitions of all objects but the partitions of days, what dbt builds, and grants.

    They are sorted: the order of a dump depends on what it leaves out.
    """
    command = [
        *(program("pg_dump"), f"--dbname={stack.superuser_conninfo(WAREHOUSE)}"),
        *("--schema-only", "--no-acl", "--restrict-key=darkroom"),
        *(f"--exclude-schema={name}" for name in _BUILT_BY_DBT),
        *("--exclude-table=image_catalog.image_2*", "--exclude-table=image_catalog.rendition_2*"),
    ]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return sorted(found.split("\n\n\n"))


def restore(stack: Stack, path: Path) -> str:
    """Replaces database and roles by a recorded state, and returns its text."""
    text = lzma.decompress(path.read_bytes()).decode()
    with psycopg.connect(stack.superuser_conninfo(), autocommit=True) as server:
        for database in (WAREHOUSE, DAGSTER_STORAGE):
            server.execute(f"drop database if exists {database} with (force)")
        roles = [name for (name,) in server.execute(_ROLES)]
        for statement in ("drop owned by {} cascade", "drop role {}"):
            for role in roles:
                server.execute(sql.SQL(statement).format(sql.Identifier(role)))
    command = [program("psql"), "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1"]
    command.append(f"--dbname={stack.superuser_conninfo()}")
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return text


def rows(stack: Stack) -> dict[str, list[dict]]:
    """All rows by table, as JSON objects."""
    with psycopg.connect(stack.superuser_conninfo(WAREHOUSE)) as connection:
        return {
            table: [
                row for (row,) in connection.execute(f"select to_jsonb(one) from {table} as one")
            ]
            for (table,) in connection.execute(_TABLES).fetchall()
        }


def changed_rows(before: dict[str, list[dict]], after: dict[str, list[dict]]) -> dict[str, list]:
    """The rows of earlier tables that are not there any more with the same values."""
    lost = {}
    for table, old in before.items():
        names = old[0].keys() if old else ()
        kept = {
            json.dumps({name: row.get(name, "no such column") for name in names}, sort_keys=True)
            for row in after.get(table, [])
        }
        lost[table] = [row for row in old if json.dumps(row, sort_keys=True) not in kept]
    return {table: found for table, found in lost.items() if found}


def expected_changes(revision: str, before: dict[str, list[dict]]) -> dict[str, list]:
    """What migrations change on purpose: 0009 begins the receipts and counts of purges again."""
    if revision >= "0009":
        return {}
    counts = [row for row in before["image_catalog.arrival_count"] if row["purged_count"]]
    receipts = before["retention.purge_receipt"]
    return {"image_catalog.arrival_count": counts, "retention.purge_receipt": receipts}


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.name.partition(".")[0])
def test_a_recorded_state_is_upgraded_and_keeps_its_rows(stack, fresh_schema, path):
    signed_by = _PUBLIC_KEY.search(restore(stack, path))
    before = rows(stack)
    stack.start_database()
    assert schema(stack) == fresh_schema
    assert changed_rows(before, rows(stack)) == expected_changes(path.name[:4], before)
    keys = [from_pem(signed_by[1].replace("-- ", "").encode())] if signed_by else []
    with Warehouse(stack.environment()["DATABASE_URL"]).connect() as connection:
        assert (balance(connection)["difference"] == 0).all()
        assert verify(list(read_receipts(connection)), {key_id(key): key for key in keys}) == []
        assert read_drift(connection, load_policy()).differences == ()
        connection.execute("select image_catalog.ensure_day(current_date)")
        days = connection.execute(_PARTITIONS).fetchall()
    shapes = {_DAY.sub("_DAY", str((parent, *rest))) for parent, _, *rest in days}
    assert len(days) > len(shapes) == 2


def test_an_outside_database_is_upgraded_by_its_migrator(stack, fresh_schema, tmp_path):
    restore(stack, RECORDED[-2])
    known = asdict(stack.state.secrets())
    bootstrap.bootstrap(stack.superuser_conninfo(), {one: known[one] for one in bootstrap.PROGRAMS})
    with bootstrap.migrator(stack.superuser_conninfo()) as owner:
        outside = stack.environment() | {"DATABASE_MIGRATOR_URL": make_conninfo(owner, options="")}
        Stack(StateFolder(tmp_path), free_ports(), outside=outside).start_database()
    assert schema(stack) == fresh_schema
    with Warehouse(stack.environment()["DATABASE_URL"], NEWEST_MIGRATION).connect() as connection:
        assert read_drift(connection, load_policy()).differences == ()


def test_the_views_of_the_oldest_state_are_built_and_its_sales_add_up(stack, tmp_path):
    restore(stack, OLDEST)
    stack.start_database()
    build(stack.environment(), "--exclude", "test_type:generic", outputs=tmp_path)
    with Warehouse(stack.environment()["DATABASE_URL"]).connect() as connection:
        assert read_drift(connection, load_policy()).differences == ()


def test_every_migration_has_its_recorded_state():
    landed = {path.name[:4] for path in MIGRATIONS.glob("versions/*.sql")}
    assert landed - {path.name[:4] for path in RECORDED} == WITHOUT_STATE


@pytest.fixture(scope="module")
def newer(stack: Stack) -> Stack:
    """The state that a newer version would leave."""
    restore(stack, RECORDED[-1])
    stack.start_database()
    with psycopg.connect(stack.superuser_conninfo(WAREHOUSE), autocommit=True) as connection:
        connection.execute("update migration.alembic_version set version_num = '9999'")
    return stack


def variables(stack: Stack) -> dict[str, str]:
    ports = {f"{name.upper()}_PORT": str(port) for name, port in asdict(stack.ports).items()}
    ports["UPLOAD_PORT"] = ports["UPLOAD_API_PORT"]
    return {**os.environ, **ports, "DARKROOM_STATE": str(stack.state.root)}


def refusal(newer: Stack) -> str:
    return (
        f"The tables of PostgreSQL at 127.0.0.1:{newer.ports.postgres} are of a newer version "
        f"(migration 9999) than this program, which knows them up to {NEWEST_MIGRATION}: use the "
        "newer program, or restore a backup that was taken before the upgrade. "
        "Nothing was changed."
    )


def run(name: str, *arguments: str, env: dict[str, str]) -> tuple[int, str]:
    """Runs a program of this Python environment; returns its exit code and its messages."""
    command = [Path(sys.executable).with_name(name), *arguments]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    return done.returncode, " ".join(done.stderr.split())


@pytest.mark.parametrize("command", ["keys list", "people list", "access diff", "topic gaps"])
def test_commands_refuse_the_tables_of_a_newer_version(newer, command):
    done = darkroom(*command.split(), env=variables(newer))
    assert (done.exit_code, " ".join(done.stderr.split())) == (1, f"✗ {refusal(newer)}")


def test_sensors_refuse_the_tables_of_a_newer_version(newer):
    resources = {"platform": Platform.from_settings(newer.settings())}
    with (
        dg.DagsterInstance.ephemeral() as instance,
        dg.build_sensor_context(instance=instance, resources=resources) as context,
        pytest.raises(TablesVersionError, match="use the newer program"),
    ):
        image_backlog(context)


def test_the_upload_api_refuses_the_tables_of_a_newer_version(newer):
    env = newer.environment()
    env["DATABASE_URL"] = env["DATABASE_UPLOADER_URL"]
    assert run("python", "-m", "services.upload_api", env=os.environ | env) == (1, refusal(newer))


def test_a_start_refuses_the_state_of_a_newer_version_and_changes_nothing(newer):
    before = dump(newer)
    code, messages = run("darkroom", "up", env=variables(newer))
    assert (code, messages.endswith(refusal(newer))) == (1, True)
    newer.servers[0].start()  # the command stopped what it had found
    assert dump(newer) == before
