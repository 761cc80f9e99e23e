"""Every state that an earlier version left is upgraded; that of a newer one is refused."""

import json
import lzma
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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
from assets.errors import RowsRefusedError, TablesVersionError
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
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
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


def read_state(path: Path) -> str:
    return lzma.decompress(path.read_bytes()).decode()


def restore(stack: Stack, text: str) -> str:
    """Replaces database and roles by a recorded state, and returns it."""
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
    signed_by = _PUBLIC_KEY.search(restore(stack, read_state(path)))
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
    restore(stack, read_state(RECORDED[-2]))
    known = asdict(stack.state.secrets())
    bootstrap.bootstrap(stack.superuser_conninfo(), {one: known[one] for one in bootstrap.PROGRAMS})
    with bootstrap.migrator(stack.superuser_conninfo()) as owner:
        outside = stack.environment() | {"DATABASE_MIGRATOR_URL": make_conninfo(owner, options="")}
        Stack(StateFolder(tmp_path), free_ports(), outside=outside).start_database()
    assert schema(stack) == fresh_schema
    with Warehouse(stack.environment()["DATABASE_URL"], NEWEST_MIGRATION).connect() as connection:
        assert read_drift(connection, load_policy()).differences == ()


@pytest.mark.parametrize("revision", [OLDEST.name[:4], "0018"])
def test_the_views_of_an_upgraded_state_equal_sums_over_its_tables(stack, tmp_path, revision):
    """The last state before lines had prices has tables of sums without them."""
    restore(stack, read_state(STATES / f"{revision}.sql.xz"))
    stack.start_database()
    build(stack.environment(), "--exclude", "test_type:generic", outputs=tmp_path)
    with Warehouse(stack.environment()["DATABASE_URL"]).connect() as connection:
        assert read_drift(connection, load_policy()).differences == ()
    with psycopg.connect(stack.superuser_conninfo(WAREHOUSE)) as connection:
        connection.execute((BENCHMARKS / "plain_views.sql").read_text())
        differences = connection.execute((BENCHMARKS / "plain_differences.sql").read_text())
        assert set(differences.fetchone()) == {0}


def test_every_migration_has_its_recorded_state():
    landed = {path.name[:4] for path in MIGRATIONS.glob("versions/*.sql")}
    assert landed - {path.name[:4] for path in RECORDED} == WITHOUT_STATE


SALES = '"ASSESSMENT"."TB_{}"'.format
ITEM, MEMBER, BOUGHT, LINE = map(
    SALES, ("ITEM", "MEMBERSHIP", "TRANSACTION", "TRANSACTION_ITEM_MAPPING")
)
ADD_ITEM = 'call "ASSESSMENT".add_item(%s, %s, %s, 1)'
RECORD = 'call "ASSESSMENT".record_transaction(%s, %s::bigint[], %s::integer[])'


@contextmanager
def before_careful_sales(stack: Stack) -> Iterator[psycopg.Connection]:
    """The superuser's connection to tables of the version before migration 0019."""
    restore(stack, read_state(STATES / "0018.sql.xz"))
    with psycopg.connect(stack.superuser_conninfo(WAREHOUSE), autocommit=True) as connection:
        yield connection


def test_an_upgrade_stops_at_values_that_no_sum_can_hold_names_them_and_changes_nothing(
    stack, fresh_schema
):
    keep = {}
    broken = {
        (ITEM, "COST_NO"): ("NaN", '"ITEM_ID_NO" = 1'),
        (MEMBER, "BIRTH_DT"): ("infinity", "\"EMAIL_ADDR\" = 'new@example.com'"),
        (BOUGHT, "TRANSACTION_DTTM"): ("-infinity", '"TRANSACTION_ID_NO" <= 23'),
        (LINE, "QUANTITY_NO"): (1_000_001, '"TRANSACTION_ID_NO" = 25 and "ITEM_ID_NO" = 1'),
    }
    with before_careful_sales(stack) as connection:
        [(member_id,)] = connection.execute(
            f'select "MEMBERSHIP_ID_TXT" from {MEMBER} where "EMAIL_ADDR" = \'new@example.com\''
        )
        for (table, column), (value, rows_to_break) in broken.items():
            [(keep[table],)] = connection.execute(
                f'select max("{column}") from {table} where {rows_to_break}'
            )
            connection.execute(f'update {table} set "{column}" = %s where {rows_to_break}', [value])
        before = dump(stack)
        with pytest.raises(RowsRefusedError) as refusal:
            stack.start_database()
        assert dump(stack) == before
        message = str(refusal.value)
        for named in (
            '"TB_ITEM"."COST_NO" of the rows with the keys 1;',
            f'"TB_MEMBERSHIP"."BIRTH_DT" of the rows with the keys {member_id};',
            f'"TB_TRANSACTION"."TRANSACTION_DTTM" of the rows with the keys '
            f"{','.join(map(str, range(1, 21)))} and 3 more;",
            '"TB_TRANSACTION_ITEM_MAPPING"."QUANTITY_NO" of the rows with the keys 25/1. Correct',
        ):
            assert named in message
        for (table, column), (_, broken_rows) in broken.items():
            repair = f'update {table} set "{column}" = %s where {broken_rows}'
            connection.execute(repair, [keep[table]])
    stack.start_database()
    assert schema(stack) == fresh_schema


def test_an_upgrade_derives_the_price_of_a_line_where_it_is_certain(stack):
    prices = (
        f'select "UNIT_PRICE_NO" from {LINE} where "TRANSACTION_ID_NO" = %s order by "ITEM_ID_NO"'
    )
    with before_careful_sales(stack) as connection:
        [(member_id,)] = connection.execute(
            f'select min("MEMBERSHIP_ID_TXT") from {MEMBER} where "STATUS_CD" = \'ACTIVE\''
        )
        items = [
            connection.execute(ADD_ITEM, [name, "Lumen", cost]).fetchone()[0]
            for name, cost in (("Lamp", 10), ("Flash", "0.50"))
        ]

        def buy(*quantities: int) -> int:
            parameters = [member_id, items[: len(quantities)], list(quantities)]
            return connection.execute(RECORD, parameters).fetchone()[0]

        both_before, one_before = buy(2, 3), buy(4)
        connection.execute('call "ASSESSMENT".change_item(%s, cost => 11)', [items[0]])
        connection.execute(f'delete from {ITEM} where "ITEM_NAME" = \'Tripod "42"\'')
        both_after, one_after = buy(1, 1), buy(1)
        thirds, rebate = buy(3), buy(1, 1)
        for number, total in ((thirds, "10.00"), (rebate, "10.99")):
            connection.execute(
                f'update {BOUGHT} set "TOTAL_PRICE_NO" = %s where "TRANSACTION_ID_NO" = %s',
                [total, number],
            )
        connection.execute("delete from change_queue.changed_transaction")
        entries = connection.execute(f"select count(*) from {SALES('AUDIT_LOG')}").fetchone()
    stack.start_database()
    with psycopg.connect(stack.superuser_conninfo(WAREHOUSE)) as connection:
        found = {
            number: [price and str(price) for (price,) in connection.execute(prices, [number])]
            for number in (both_before, one_before, both_after, one_after, thirds, rebate)
        }
        queued = connection.execute("select transaction_id from change_queue.changed_transaction")
        assert {both_before, one_before, both_after} <= {number for (number,) in queued}
        logged = connection.execute(f"select count(*) from {SALES('AUDIT_LOG')}")
        assert logged.fetchone() == entries
    assert found == {
        both_before: ["10.00", "0.50"],
        one_before: ["10.00"],
        both_after: ["11.00", "0.50"],
        one_after: ["11.00"],
        thirds: [None],
        rebate: [None, None],
    }


NAMES = f"""
    select item."ITEM_NAME", creator."ROLE_NAME_TXT", updater."ROLE_NAME_TXT"
    from {ITEM} as item
    inner join {SALES("PERSON")} as creator on item."CREATED_BY_ID_NO" = creator."PERSON_ID_NO"
    inner join {SALES("PERSON")} as updater on item."UPDATED_BY_ID_NO" = updater."PERSON_ID_NO"
    where item."MANUFACTURER_NAME" = 'Nobody'
    order by item."ITEM_ID_NO"
"""
OID = "select oid from pg_roles where rolname = 'ann'"


def write_as(connection: psycopg.Connection, person: str, item_name: str) -> None:
    connection.execute(f"set role {person}")
    connection.execute(ADD_ITEM, [item_name, "Nobody", 1])
    connection.execute("reset role")


def test_an_upgrade_finds_the_names_of_roles_that_are_gone_or_were_created_again(stack):
    create = 'create role {0}; grant "TEAM_SALES" to {0}'.format
    with before_careful_sales(stack) as connection:
        for person in ("ann", "bob"):
            connection.execute(create(person))
            write_as(connection, person, f"first of {person}")
            connection.execute(f"drop role {person}")
        connection.execute(create("ann"))
        write_as(connection, "ann", "second of ann")
        connection.execute("set session_replication_role = replica")
        connection.execute(
            f'insert into {ITEM} ("ITEM_NAME", "MANUFACTURER_NAME", "COST_NO", "WEIGHT_KG", '
            "\"CREATED_BY_ID_NO\") values ('of nobody', 'Nobody', 1, 1, 999999)"
        )
    stack.start_database()
    with psycopg.connect(stack.superuser_conninfo(WAREHOUSE), autocommit=True) as connection:
        write_as(connection, "ann", "third of ann")
        assert connection.execute(NAMES).fetchall() == [
            ("first of ann", "ann", "ann"),
            ("first of bob", "bob", "bob"),
            ("second of ann", "ann", "ann"),
            ("of nobody", "unknown role 999999", "postgres"),
            ("third of ann", "ann", "ann"),
        ]


def test_stamps_still_name_the_person_after_a_restore_on_another_cluster(stack):
    restore(stack, read_state(STATES / "0018.sql.xz"))
    stack.start_database()
    with psycopg.connect(stack.superuser_conninfo(WAREHOUSE), autocommit=True) as connection:
        for person in ("bob", "ann"):
            connection.execute(f'create role {person}; grant "TEAM_SALES" to {person}')
            write_as(connection, person, f"before, of {person}")
        oid = connection.execute(OID).fetchone()
    restore(stack, dump(stack))  # drops all roles and creates them with other OIDs
    with psycopg.connect(stack.superuser_conninfo(WAREHOUSE), autocommit=True) as connection:
        assert connection.execute(OID).fetchone() != oid
        write_as(connection, "ann", "after, of ann")
        assert connection.execute(NAMES).fetchall() == [
            ("before, of bob", "bob", "bob"),
            ("before, of ann", "ann", "ann"),
            ("after, of ann", "ann", "ann"),
        ]
        assert connection.execute(
            f"select count(*) from {SALES('PERSON')} where \"ROLE_NAME_TXT\" = 'ann'"
        ).fetchone() == (1,)


@pytest.fixture(scope="module")
def newer(stack: Stack) -> Stack:
    """The state that a newer version would leave."""
    restore(stack, read_state(RECORDED[-1]))
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
