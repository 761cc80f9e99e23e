"""Aggregates that follow changes are equal to sums over everything, whatever the history."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from threading import Timer

import psycopg
import pytest
from dbt.cli.main import dbtRunner
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row

from infra.local.dbt import DBT_PROJECT
from infra.local.warehouses import copy_of_warehouse

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
PLAIN_VIEWS = (BENCHMARKS / "plain_views.sql").read_text()
DIFFERENCES = (BENCHMARKS / "plain_differences.sql").read_text()
MEMBERS = ("tan_a1b2c", "lim_00000", "koh_11111")
ITEMS = (1, 2, 3, 4)
SALES_MODELS = ("staging.assessment", "intermediate", "marts.sales", "marts.catalogue")
NONE = {"members": 0, "items": 0, "days": 0}

# A transaction is named by its place among those that are left, a day by its distance from the
# first of March 2026.
place = st.integers(0, 30)
day = st.integers(0, 3)
member = st.sampled_from(MEMBERS)
item = st.sampled_from(ITEMS)
quantity = st.integers(1, 5)
price = st.sampled_from([None, "0.00", "0.35", "19.99"])
status = st.sampled_from(["PENDING", "PENDING", "COMPLETED", "CANCELLED"])

NTH = """(
    select "TRANSACTION_ID_NO" from "ASSESSMENT"."TB_TRANSACTION" order by 1
    offset %(place)s % greatest(1, (select count(*) from "ASSESSMENT"."TB_TRANSACTION")) limit 1
)"""
NTH = NTH.replace("% greatest", "%% greatest")


class BuildFailedError(Exception):
    """dbt's own words about the models that could not be built."""


@dataclass(frozen=True)
class Change:
    """One statement of a history and its parameters."""

    statement: str
    parameters: dict


def change(statement: str, **parameters: st.SearchStrategy) -> st.SearchStrategy[Change]:
    return st.builds(Change, st.just(statement), st.fixed_dictionaries(parameters))


def of_transaction(assignment: str, condition: str = "true", **parameters) -> st.SearchStrategy:
    return change(
        f'update "ASSESSMENT"."TB_TRANSACTION" set {assignment} '
        f'where "TRANSACTION_ID_NO" = {NTH} and {condition}',
        place=place,
        **parameters,
    )


BUY = change(
    """
    with bought as (
        insert into "ASSESSMENT"."TB_TRANSACTION" (
            "MEMBERSHIP_ID_TXT", "TOTAL_PRICE_NO", "TOTAL_WEIGHT_KG",
            "TRANSACTION_DTTM", "STATUS_CD"
        )
        values (
            %(member)s, %(quantity)s * 10.01, %(quantity)s,
            timestamptz '2026-03-01 22:00:00+00' + make_interval(days => %(day)s), %(status)s
        )
        returning "TRANSACTION_ID_NO"
    )
    insert into "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING" (
        "TRANSACTION_ID_NO", "ITEM_ID_NO", "QUANTITY_NO", "UNIT_PRICE_NO"
    )
    select "TRANSACTION_ID_NO", item, %(quantity)s, %(price)s
    from bought, unnest(%(items)s::bigint[]) as item
    """,
    member=member,
    items=st.lists(item, max_size=3, unique=True),
    quantity=quantity,
    price=price,
    day=day,
    status=status,
)
PENDING = "\"STATUS_CD\" = 'PENDING'"
CHANGES = st.one_of(
    BUY,
    BUY,
    of_transaction("\"STATUS_CD\" = 'COMPLETED'", PENDING),
    of_transaction("\"STATUS_CD\" = 'CANCELLED'", PENDING),
    of_transaction(
        "\"TRANSACTION_DTTM\" = timestamptz '2026-03-01 22:00:00+00' "
        "+ make_interval(days => %(day)s, hours => 2 * %(day)s)",
        day=day,
    ),
    of_transaction('"TOTAL_PRICE_NO" = %(quantity)s * 3.33', quantity=quantity),
    of_transaction('"MEMBERSHIP_ID_TXT" = %(member)s', member=member),
    change(
        f'delete from "ASSESSMENT"."TB_TRANSACTION" where "TRANSACTION_ID_NO" = {NTH}', place=place
    ),
    change(
        'update "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING" set "QUANTITY_NO" = %(quantity)s '
        f'where "TRANSACTION_ID_NO" = {NTH}',
        place=place,
        quantity=quantity,
    ),
    change(
        'update "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING" set "UNIT_PRICE_NO" = %(price)s '
        f'where "TRANSACTION_ID_NO" = {NTH}',
        place=place,
        price=price,
    ),
    change(
        'delete from "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING" '
        f'where "ITEM_ID_NO" = %(item)s and "TRANSACTION_ID_NO" = {NTH}',
        place=place,
        item=item,
    ),
    change(
        'update "ASSESSMENT"."TB_ITEM" set "COST_NO" = %(quantity)s where "ITEM_ID_NO" = %(item)s',
        item=item,
        quantity=quantity,
    ),
    change(
        'update "ASSESSMENT"."TB_MEMBERSHIP" set "STATUS_CD" = %(status)s '
        'where "MEMBERSHIP_ID_TXT" = %(member)s',
        member=member,
        status=st.sampled_from(["ACTIVE", "SUSPENDED", "CLOSED"]),
    ),
    change(
        'insert into "ASSESSMENT"."TB_MEMBERSHIP" '
        "values ('new_' || lpad(%(place)s::text, 5, '0'), 'New', 'Member', "
        "%(place)s || '@example.com', '+447700900000', '1990-01-01', true, 'ACTIVE') "
        "on conflict do nothing",
        place=place,
    ),
    change(
        'delete from "ASSESSMENT"."TB_MEMBERSHIP" '
        "where \"MEMBERSHIP_ID_TXT\" = 'new_' || lpad(%(place)s::text, 5, '0')",
        place=place,
    ),
)
SALES_TABLES = ("TB_ITEM", "TB_MEMBERSHIP", "TB_TRANSACTION", "TB_TRANSACTION_ITEM_MAPPING")
KILL = """
    select count(pg_terminate_backend(pid)) from pg_stat_activity
    where datname = current_database() and usename = 'darkroom_builder'
"""


class Build(Enum):
    """What happens after some changes: a build, or what disturbs one."""

    WHOLE = "whole"
    FULL_REFRESH = "full refresh"
    OF_SOME_MODELS = "of some models"
    KILLED = "killed"
    WHILE_SALES_GO_ON = "while sales go on"


@dataclass(frozen=True)
class Step:
    """Changes, whether the triggers notice them, and the build that follows."""

    changes: list[Change]
    is_noticed: bool
    build: Build
    models: list[str]
    killed_after: float


STEPS = st.builds(
    Step,
    changes=st.lists(CHANGES, min_size=1, max_size=12),
    is_noticed=st.sampled_from([True, True, True, False]),
    build=st.sampled_from([Build.WHOLE, Build.WHOLE, *Build]),
    models=st.lists(
        st.sampled_from(["int_sales__booked", "int_members__summed", "int_items__summed"]),
        min_size=1,
        max_size=2,
        unique=True,
    ),
    killed_after=st.floats(0, 2),
)
HISTORIES = st.lists(STEPS, min_size=1, max_size=4)


@pytest.fixture(scope="module")
def variables(stack) -> Iterator[dict[str, str]]:
    """The environment that leads to a warehouse of this module's own."""
    with copy_of_warehouse(stack, f"test_{uuid.uuid4().hex[:12]}") as env:
        yield env


@pytest.fixture(scope="module")
def warehouse(stack, variables) -> Iterator[psycopg.Connection]:
    """A superuser's connection to a warehouse with a few members and items."""
    conninfo = stack.superuser_conninfo(variables["DBT_DBNAME"])
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(PLAIN_VIEWS)
        connection.cursor().executemany(
            'insert into "ASSESSMENT"."TB_MEMBERSHIP" values '
            "(%s, 'Mei', 'Tan', %s || '@example.com', '+447700900000', '1990-01-01', true, "
            "'ACTIVE')",
            [(name, name) for name in MEMBERS],
        )
        connection.execute(
            'insert into "ASSESSMENT"."TB_ITEM" '
            '("ITEM_NAME", "MANUFACTURER_NAME", "COST_NO", "WEIGHT_KG") '
            "select 'Item ' || number, 'Northlight', number, 1 from generate_series(1, 4) as number"
        )
        yield connection


@pytest.fixture(scope="module")
def build(warehouse, variables, tmp_path_factory):
    """Runs the sales models in this process, which reads the project once."""
    outputs = str(tmp_path_factory.mktemp("dbt"))
    folders = ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)]
    folders += ["--target-path", outputs, "--log-path", outputs, "--quiet"]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        manifest = dbtRunner().invoke(["parse", *folders]).result

        def run(*options: str, models: tuple[str, ...] = SALES_MODELS) -> None:
            command = ["run", "--select", *models, *options, *folders]
            done = dbtRunner(manifest=manifest).invoke(command)
            if not done.success:
                told = [str(one.message) for one in done.result or ()] or [str(done.exception)]
                raise BuildFailedError("; ".join(told))

        run()
        yield run


def differences(connection: psycopg.Connection) -> dict[str, int]:
    """Counts the rows in which a view and the sums over the base tables differ, by view."""
    return connection.cursor(row_factory=dict_row).execute(DIFFERENCES).fetchone()


@settings(
    max_examples=10,
    deadline=None,
    phases=[Phase.generate],  # each step of a shrinking would be several builds
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=HISTORIES)
def test_whatever_the_history_incremental_views_equal_full_ones(warehouse, build, history):
    warehouse.execute('delete from "ASSESSMENT"."TB_TRANSACTION"')
    are_all_noticed = True
    for step in history:
        if step.build is not Build.WHILE_SALES_GO_ON:
            make(warehouse, step)
            are_all_noticed &= step.is_noticed
        run(warehouse, build, step)
        if step.build is Build.FULL_REFRESH:
            are_all_noticed = True
        if step.build is Build.FULL_REFRESH or (step.build is Build.WHOLE and are_all_noticed):
            assert differences(warehouse) == NONE
    build("--full-refresh")
    assert differences(warehouse) == NONE


def make(connection: psycopg.Connection, step: Step) -> None:
    """Makes a step's changes, if need be past the triggers."""
    switch = "enable" if step.is_noticed else "disable"
    for each in (switch, "enable"):
        for table in SALES_TABLES:
            connection.execute(f'alter table "ASSESSMENT"."{table}" {each} trigger user')
        if each is switch:
            for one in step.changes:
                connection.execute(one.statement, one.parameters)


def run(connection: psycopg.Connection, build, step: Step) -> None:
    """Runs a step's build; one that is killed may fail, and heals later."""
    match step.build:
        case Build.WHOLE:
            build()
        case Build.FULL_REFRESH:
            build("--full-refresh")
        case Build.OF_SOME_MODELS:
            build(models=tuple(step.models))
        case Build.KILLED:
            killer = Timer(step.killed_after, connection.execute, [KILL])
            killer.start()
            with suppress(BuildFailedError):
                build()
            killer.join()
        case Build.WHILE_SALES_GO_ON:
            with ThreadPoolExecutor(1) as sales:
                going_on = sales.submit(make, connection, replace(step, is_noticed=True))
                build()
            going_on.result()


def test_a_full_build_equals_an_incremental_one(warehouse, build):
    build("--full-refresh")
    assert differences(warehouse) == NONE


def buy(connection: psycopg.Connection, member_id: str) -> None:
    connection.execute(
        'insert into "ASSESSMENT"."TB_TRANSACTION" '
        '("MEMBERSHIP_ID_TXT", "TOTAL_PRICE_NO", "TOTAL_WEIGHT_KG") values (%s, 1, 1)',
        [member_id],
    )


def test_a_change_that_commits_after_a_later_one_was_built_is_not_missed(warehouse, build):
    with psycopg.connect(warehouse.info.dsn, password=warehouse.info.password) as slow:
        buy(slow, MEMBERS[0])
        buy(warehouse, MEMBERS[1])
        build()
    build()
    assert differences(warehouse) == NONE


def test_a_second_build_in_a_row_writes_nothing(warehouse, build):
    def rows_and_their_versions() -> list[tuple]:
        tables = ["sales__booked", "members__summed", "items__summed", "days__summed"]
        return [
            warehouse.execute(
                f"select count(*), sum(xmin::text::bigint), max(ctid) from staging.int_{table}"
            ).fetchone()
            for table in tables
        ]

    build()
    before = rows_and_their_versions()
    build()
    assert rows_and_their_versions() == before


def test_a_build_that_fails_takes_no_change_from_the_queue(warehouse, build):
    warehouse.execute('update "ASSESSMENT"."TB_ITEM" set "COST_NO" = "COST_NO" + 1')
    warehouse.execute('delete from "ASSESSMENT"."TB_TRANSACTION"')
    warehouse.execute('revoke select on "ASSESSMENT"."TB_TRANSACTION" from darkroom_builder')
    with pytest.raises(BuildFailedError, match="permission denied"):
        build()
    warehouse.execute('grant select on "ASSESSMENT"."TB_TRANSACTION" to darkroom_builder')
    build()
    assert differences(warehouse) == NONE


def test_a_book_that_was_dropped_and_made_anew_is_summed_up_once(warehouse, build):
    buy(warehouse, MEMBERS[0])
    build()
    warehouse.execute("drop table staging.int_sales__booked")
    build("--full-refresh", models=("int_sales__booked",))
    build()
    assert differences(warehouse) == NONE


def test_a_price_that_becomes_known_or_unknown_again_moves_its_pieces(warehouse, build):
    buy(warehouse, MEMBERS[0])
    warehouse.execute(
        'insert into "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING" '
        '("TRANSACTION_ID_NO", "ITEM_ID_NO", "QUANTITY_NO") '
        'select max("TRANSACTION_ID_NO"), 1, 7 from "ASSESSMENT"."TB_TRANSACTION"'
    )
    for price in (None, "1.50", None):
        warehouse.execute(
            'update "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING" set "UNIT_PRICE_NO" = %s', [price]
        )
        build()
        assert differences(warehouse) == NONE


def test_no_value_that_the_tables_can_hold_makes_a_view_unreadable(warehouse, build):
    for statement in (
        'update "ASSESSMENT"."TB_ITEM" set "COST_NO" = 99999999.99, "WEIGHT_KG" = 99999999.99',
        """
        with bought as (
            insert into "ASSESSMENT"."TB_TRANSACTION" (
                "MEMBERSHIP_ID_TXT", "TOTAL_PRICE_NO", "TOTAL_WEIGHT_KG", "TRANSACTION_DTTM"
            )
            select 'tan_a1b2c', 9999999999.99, 9999999999.99, bought_at
            from unnest(array[
                timestamptz '1900-01-01 00:00:00+00', '2999-12-31 23:59:59.999999+00'
            ]) as bought_at
            cross join generate_series(1, 5250)
            returning "TRANSACTION_ID_NO"
        )
        insert into "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING" (
            "TRANSACTION_ID_NO", "ITEM_ID_NO", "QUANTITY_NO", "UNIT_PRICE_NO"
        )
        select "TRANSACTION_ID_NO", 1, 1000000, 99999999.99 from bought
        """,
    ):
        warehouse.execute(statement)
    build(models=(*SALES_MODELS, "marts.logistics"))
    views = warehouse.execute("select viewname from pg_views where schemaname = 'analytics'")
    rows = {
        view: len(warehouse.execute(f"select * from analytics.{view}").fetchall())
        for (view,) in views.fetchall()
    }
    assert len(rows) == 7
    assert min(rows.values()) > 0
    assert differences(warehouse) == NONE
    warehouse.execute('delete from "ASSESSMENT"."TB_TRANSACTION"')
