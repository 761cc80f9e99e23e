"""Models that change, builds that are killed, and rows that no queue knows: all of it heals."""

import random
import shutil
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import psycopg
import pytest
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest
from psycopg import sql
from psycopg.rows import dict_row

from assets.errors import StackError
from infra.demo.sales.seed import Scale, seed
from infra.local.dbt import DBT_PROJECT, repair, run_dbt
from infra.local.warehouses import copy_of_warehouse

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
DIFFERENCES = (BENCHMARKS / "plain_differences.sql").read_text()
MODELS = ("staging.assessment", "intermediate.sales", "marts.sales", "marts.catalogue")
NONE = {"members": 0, "items": 0, "days": 0}
KILLS = 20
SALES = Scale(members=40, items=12, transactions=200, days=30)
REPLACED = """
    select relname::text from pg_class where relname ~ '__replaced_' union all
    select attname from pg_attribute where attname ~ '__replaced_'
"""
VIEWS = """
    select relname from pg_class
    where relnamespace = 'analytics'::regnamespace and relkind = 'v' order by relname
"""
BUILDERS = """
    select pid from pg_stat_activity
    where datname = current_database() and usename = 'darkroom_builder'
"""
KILL = f"select count(pg_terminate_backend(pid)) from ({BUILDERS}) as builders"
BUY = """
    insert into "ASSESSMENT"."TB_TRANSACTION" (
        "MEMBERSHIP_ID_TXT", "TOTAL_PRICE_NO", "TOTAL_WEIGHT_KG"
    )
    select "MEMBERSHIP_ID_TXT", 10, 1 from "ASSESSMENT"."TB_MEMBERSHIP" limit 3
"""


@dataclass(frozen=True)
class Project:
    """A copy of the dbt project, with the folder of its outputs."""

    folder: Path

    @cached_property
    def folders(self) -> list[str]:
        outputs = str(self.folder / "target")
        folders = ["--project-dir", str(self.folder), "--profiles-dir", str(self.folder)]
        return [*folders, "--target-path", outputs, "--log-path", outputs, "--quiet"]

    @cached_property
    def manifest(self) -> Manifest:
        return dbtRunner().invoke(["parse", *self.folders]).result

    def build(self, *options: str, models: tuple[str, ...] = MODELS) -> bool:
        """Runs models in this process; returns whether all succeeded."""
        command = ["run", "--select", *models, *options, *self.folders]
        return dbtRunner(manifest=self.manifest).invoke(command).success

    def replace(self, model: str, old: str, new: str) -> None:
        """Changes the SQL of a model, given by the end of its path."""
        [path] = self.folder.glob(f"models/**/{model}.sql")
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))


def copy_of(folder: Path, place: Path) -> Project:
    ignored = shutil.ignore_patterns("target", "logs")
    return Project(Path(shutil.copytree(folder, place, ignore=ignored)))


@pytest.fixture(scope="module")
def variables(stack) -> Iterator[dict[str, str]]:
    """The environment that leads to a warehouse with a few sales."""
    with copy_of_warehouse(stack, f"test_{uuid.uuid4().hex[:12]}") as env:
        with psycopg.connect(env["DATABASE_OWNER_URL"], autocommit=True) as owner:
            seed(owner, SALES, lambda count: None)
        with pytest.MonkeyPatch.context() as patch:
            for name, value in env.items():
                patch.setenv(name, value)
            yield env


@pytest.fixture(scope="module")
def warehouse(stack, variables) -> Iterator[psycopg.Connection]:
    conninfo = stack.superuser_conninfo(variables["DBT_DBNAME"])
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute((BENCHMARKS / "plain_views.sql").read_text())
        yield connection


@pytest.fixture(scope="module")
def original(tmp_path_factory, variables) -> Project:
    return copy_of(DBT_PROJECT, tmp_path_factory.mktemp("dbt") / "original")


@pytest.fixture
def project(original, warehouse) -> Project:
    """The project as it is, built, with no change waiting."""
    assert original.build()
    return original


@pytest.fixture
def changed(project, tmp_path) -> Project:
    """A copy of the project, to be changed before it is built."""
    return copy_of(DBT_PROJECT, tmp_path / "changed")


def differences(connection: psycopg.Connection) -> dict[str, int]:
    return connection.cursor(row_factory=dict_row).execute(DIFFERENCES).fetchone()


def names(connection: psycopg.Connection, query: str) -> list[str]:
    return [name for (name,) in connection.execute(query)]


def widen(project: Project) -> None:
    """Gives numbers another type and a staging view another order of columns."""
    for model in ("int_sales__booked", "int_members__summed", "int_days__summed"):
        project.replace(model, "numeric(30, 2)", "numeric(31, 2)")
    for model in ("view_member_sales_summary", "view_daily_sales"):
        project.replace(model, "numeric(30, 2)", "numeric(31, 2)")
    project.replace(
        "stg_assessment__members",
        '"FIRST_NAME" as first_name,\n    "LAST_NAME" as last_name,',
        '"LAST_NAME" as last_name,\n    "FIRST_NAME" as first_name,',
    )


def test_a_new_column_is_filled_for_rows_that_did_not_change(warehouse, changed):
    changed.replace(
        "int_days__summed",
        "    from changes\n",
        "    , coalesce(previous.twice, 0) + 2 * changes.items as twice\n    from changes\n",
    )
    changed.replace(
        "int_days__summed",
        "        null::numeric as total_sales,",
        "        null::bigint as twice,\n        null::numeric as total_sales,",
    )
    assert changed.build()
    filled = "select count(*), count(*) filter (where twice = 2 * items) from staging.{}"
    days = warehouse.execute(sql.SQL(filled).format(sql.Identifier("int_days__summed"))).fetchone()
    assert days[0] == days[1] > 1


def test_a_column_of_another_type_keeps_every_view_and_leaves_nothing_behind(warehouse, changed):
    before = names(warehouse, VIEWS)
    widen(changed)
    assert changed.build()
    assert names(warehouse, VIEWS) == before
    total = (
        "select pg_typeof(total_spent)::text, count(*) from staging.int_members__summed group by 1"
    )
    assert warehouse.execute(total).fetchall() == [("numeric", SALES.members)]
    assert differences(warehouse) == NONE
    assert changed.build()
    assert names(warehouse, REPLACED) == []


def test_a_staging_view_that_is_built_alone_keeps_the_views_over_it(warehouse, changed):
    before = names(warehouse, VIEWS)
    changed.replace(
        "stg_assessment__transactions",
        '"TOTAL_PRICE_NO" as total_price,',
        '"TOTAL_PRICE_NO" + 0 as other_price,\n    "TOTAL_PRICE_NO" as total_price,',
    )
    assert changed.build(models=("stg_assessment__transactions",))
    assert names(warehouse, VIEWS) == before
    for view in before:
        warehouse.execute(sql.SQL("select * from analytics.{}").format(sql.Identifier(view)))
    assert changed.build()
    assert names(warehouse, REPLACED) == []


def test_a_member_deleted_during_a_build_and_created_again_has_spent_nothing(warehouse, project):
    member = warehouse.execute(
        'delete from "ASSESSMENT"."TB_TRANSACTION" returning "MEMBERSHIP_ID_TXT"'
    ).fetchone()[0]
    row = warehouse.execute(
        'select * from "ASSESSMENT"."TB_MEMBERSHIP" where "MEMBERSHIP_ID_TXT" = %s', [member]
    ).fetchone()
    buy = BUY.replace("limit 3", f"where \"MEMBERSHIP_ID_TXT\" = '{member}'")
    warehouse.execute(buy)
    assert project.build(models=("int_sales__booked",))
    warehouse.execute('delete from "ASSESSMENT"."TB_TRANSACTION"')
    delete = 'delete from "ASSESSMENT"."TB_MEMBERSHIP" where "MEMBERSHIP_ID_TXT" = %s'
    warehouse.execute(delete, [member])
    assert project.build(models=("int_members__summed", "int_items__summed", "int_days__summed"))
    totals = """
        select (select sum(total_spent) from staging.int_members__summed),
            (select sum(total_sales) from staging.int_days__summed)
    """
    assert warehouse.execute(totals).fetchone() == (10, 10)
    values = ", ".join(["%s"] * len(row))
    warehouse.execute(f'insert into "ASSESSMENT"."TB_MEMBERSHIP" values ({values})', row)
    assert project.build()
    assert differences(warehouse) == NONE
    assert warehouse.execute(totals).fetchone() == (0, 0)


@pytest.fixture
def bypassed(warehouse, project) -> psycopg.Connection:
    """A warehouse in which rows were loaded, changed and deleted with the triggers disabled."""
    [without_lines] = warehouse.execute(BUY + ' returning "TRANSACTION_ID_NO"').fetchone()
    assert project.build()
    warehouse.execute("set session_replication_role = replica")
    warehouse.execute(BUY.replace("10, 1", "77, 7"))
    warehouse.execute(
        'update "ASSESSMENT"."TB_ITEM" set "ITEM_NAME" = \'Other\' where "ITEM_ID_NO" = 1'
    )
    warehouse.execute(
        'delete from "ASSESSMENT"."TB_TRANSACTION" where "TRANSACTION_ID_NO" = %s', [without_lines]
    )
    warehouse.execute("reset session_replication_role")
    return warehouse


def test_rows_loaded_past_the_triggers_are_found_and_repaired(
    bypassed, project, variables, tmp_path
):
    assert project.build()
    assert all(differences(bypassed).values())
    check = ("test", "--select", "tag:full_scan", "--exclude", "test_type:generic")
    found = run_dbt(variables, *check, outputs=tmp_path)
    assert not found.succeeded
    assert "every_transaction_is_booked_as_it_is" in found.output
    assert "every_item_has_the_sum_of_the_bookings" in found.output
    written = repair(variables, tmp_path)
    assert differences(bypassed) == NONE
    assert written["int_sales__booked"] == 4
    assert written["int_items__summed"] == 1
    assert run_dbt(variables, *check, outputs=tmp_path).succeeded
    assert set(repair(variables, tmp_path).values()) == {0}


def test_a_repair_that_fails_says_so(warehouse, variables, tmp_path):
    warehouse.execute("revoke select on change_queue.summed_batch from darkroom_builder")
    with pytest.raises(StackError, match="permission denied"):
        repair(variables, tmp_path)
    warehouse.execute("grant select on change_queue.summed_batch to darkroom_builder")


def read_all_views(conninfo: str, done: threading.Event) -> int:
    """Reads every view until it is told to stop; returns how often it read one.

    No server can keep a prepared `select *` when a view gets columns of another type.
    """
    reads = 0
    with psycopg.connect(conninfo, autocommit=True, prepare_threshold=None) as reader:
        views = names(reader, VIEWS)
        while not done.is_set():
            for view in views:
                reader.execute(sql.SQL("select * from analytics.{}").format(sql.Identifier(view)))
                reads += 1
    return reads


def kill_at(conninfo: str, sessions: int, seconds: float, built: threading.Event) -> None:
    """Ends all connections of a build some time after it opened that many, as a crash would."""
    known: set[int] = set()
    with psycopg.connect(conninfo, autocommit=True) as connection:
        while len(known) < sessions and not built.is_set():
            known.update(pid for (pid,) in connection.execute(BUILDERS))
        time.sleep(seconds)
        connection.execute(KILL)


def test_builds_killed_at_any_moment_heal_and_no_reader_misses_a_view(
    warehouse, variables, project, changed
):
    """Versions alternate, so that views and columns make place for others most of the time."""
    widen(changed)
    choose = random.Random(20261129)  # noqa: S311 - reproducible, not secret
    killed, done = 0, threading.Event()
    conninfo = f"{warehouse.info.dsn} password={warehouse.info.password}"
    with ThreadPoolExecutor(2) as threads:
        reading = threads.submit(read_all_views, conninfo, done)
        try:
            for number in range(KILLS):
                warehouse.execute(BUY)
                built = (project, changed)[number % 2]
                options = choose.choice([(), ("--full-refresh",)])
                moment = choose.randint(1, 12), choose.uniform(0, 0.2)
                is_built = threading.Event()
                killer = threads.submit(kill_at, conninfo, *moment, is_built)
                killed += not built.build(*options)
                is_built.set()
                killer.result()
        finally:
            done.set()
        assert reading.result() > KILLS
    assert killed > KILLS // 2
    assert project.build()
    assert differences(warehouse) == NONE
    assert project.build()
    assert names(warehouse, REPLACED) == []
