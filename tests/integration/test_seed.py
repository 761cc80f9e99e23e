"""Invented sales: as many as asked, believable, and the tables afterwards as they were before."""

import psycopg
import pytest

from infra.demo.sales import seed as module
from infra.demo.sales.seed import (
    SCALES,
    Scale,
    rows_per_table,
    seed,
)

BULK = Scale(members=2_000, items=300, transactions=12_000, days=365)
GUARDS = """
    with sales_tables as (
        select oid from pg_class
        where relnamespace = '"ASSESSMENT"'::regnamespace and relkind = 'r'
    )
    select pg_get_triggerdef(pg_trigger.oid) || tgenabled::text
    from pg_trigger inner join sales_tables on tgrelid = sales_tables.oid
    where not tgisinternal
    union all
    select conname || pg_get_constraintdef(pg_constraint.oid) || convalidated::text
    from pg_constraint inner join sales_tables on conrelid = sales_tables.oid
    union all
    select pg_get_indexdef(indexrelid) || indisvalid::text
    from pg_index inner join sales_tables on indrelid = sales_tables.oid
    order by 1
"""
OFF_BY = """
    select transactions."TRANSACTION_ID_NO"
    from "ASSESSMENT"."TB_TRANSACTION" as transactions
    left join "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING" as lines using ("TRANSACTION_ID_NO")
    left join "ASSESSMENT"."TB_ITEM" as items using ("ITEM_ID_NO")
    group by transactions."TRANSACTION_ID_NO"
    having coalesce(sum("QUANTITY_NO" * "{column}"), 0) <> "{total}"
"""


class StoppedError(Exception):
    """What a test stops a load with."""


@pytest.fixture
def seeded(owner, monkeypatch) -> psycopg.Connection:
    """The owner's connection after a bulk load in several batches."""
    monkeypatch.setattr(module, "_BATCH", 5_000)
    seed(owner, BULK, lambda count: None)
    return owner


def column(connection: psycopg.Connection, statement: str) -> list:
    return [row[0] for row in connection.execute(statement)]


def counts(connection: psycopg.Connection) -> tuple[int, ...]:
    """Rows of members, items and transactions."""
    return tuple(rows_per_table(connection).values())[:3]


@pytest.mark.parametrize("scale", [SCALES["demo"], BULK], ids=["demo", "bulk"])
def test_a_seed_makes_as_many_rows_as_its_scale_says(owner, scale):
    seed(owner, scale, lambda count: None)
    assert counts(owner) == (scale.members, scale.items, scale.transactions)
    lines = rows_per_table(owner)["TB_TRANSACTION_ITEM_MAPPING"]
    assert 2.5 < lines / scale.transactions < 3.5


def test_a_seed_tells_of_every_transaction_as_it_goes(owner, monkeypatch):
    monkeypatch.setattr(module, "_BATCH", 5_000)
    told = []
    seed(owner, BULK, told.append)
    assert told == [5_000, 5_000, 2_000]


def test_a_second_seed_adds_transactions_and_neither_members_nor_items(seeded):
    seed(seeded, BULK, lambda count: None)
    assert counts(seeded) == (BULK.members, BULK.items, 2 * BULK.transactions)
    numbers = 'select min("TRANSACTION_ID_NO"), max("TRANSACTION_ID_NO") from '
    found = seeded.execute(numbers + '"ASSESSMENT"."TB_TRANSACTION"').fetchone()
    assert found == (1, 2 * BULK.transactions)


def test_a_larger_scale_adds_the_members_and_items_that_the_demo_has_not(owner):
    seed(owner, SCALES["demo"], lambda count: None)
    seed(owner, BULK, lambda count: None)
    total = SCALES["demo"].transactions + BULK.transactions
    assert counts(owner) == (BULK.members, BULK.items, total)


def test_two_databases_get_the_same_members(owner):
    seed(owner, SCALES["demo"], lambda count: None)
    members = 'select "MEMBERSHIP_ID_TXT" from "ASSESSMENT"."TB_MEMBERSHIP" order by "EMAIL_ADDR"'
    first = column(owner, members)
    owner.execute('delete from "ASSESSMENT"."TB_TRANSACTION"')
    owner.execute('delete from "ASSESSMENT"."TB_MEMBERSHIP"')
    seed(owner, SCALES["demo"], lambda count: None)
    assert column(owner, members) == first


def test_every_member_has_a_name_code_and_address_of_its_own(seeded):
    members = seeded.execute(
        'select "MEMBERSHIP_ID_TXT", lower("LAST_NAME"), "EMAIL_ADDR", "MOBILE_NO" '
        'from "ASSESSMENT"."TB_MEMBERSHIP"'
    ).fetchall()
    codes = {member_id.removeprefix(f"{last_name}_") for member_id, last_name, _, _ in members}
    assert len(codes) == len({email for _, _, email, _ in members}) == BULK.members
    assert {len(code) for code in codes} == {5}
    assert all(
        code.isascii() and code.isalnum() and code.islower() | code.isdigit() for code in codes
    )
    assert all(email.endswith("@example.com") for _, _, email, _ in members)
    assert all(mobile.startswith("+447700900") and len(mobile) == 13 for *_, mobile in members)


def test_totals_are_the_sums_of_the_items_but_for_a_few_prices(seeded):
    prices = column(seeded, OFF_BY.format(column="COST_NO", total="TOTAL_PRICE_NO"))
    assert 0 < len(prices) < BULK.transactions / 500
    assert column(seeded, OFF_BY.format(column="WEIGHT_KG", total="TOTAL_WEIGHT_KG")) == []


def test_every_line_has_the_price_of_its_item(seeded):
    others = column(
        seeded,
        'select count(*) from "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING" '
        'inner join "ASSESSMENT"."TB_ITEM" using ("ITEM_ID_NO") '
        'where "UNIT_PRICE_NO" is distinct from "COST_NO"',
    )
    assert others == [0]


def test_no_item_is_sold_after_it_was_retired_and_some_were_sold_before(seeded):
    retired = seeded.execute(
        'select count(*) filter (where "TRANSACTION_DTTM" >= "DELETED_DTTM"), count(*), '
        'count(distinct "ITEM_ID_NO") '
        'from "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING" '
        'inner join "ASSESSMENT"."TB_TRANSACTION" using ("TRANSACTION_ID_NO") '
        'inner join "ASSESSMENT"."TB_ITEM" using ("ITEM_ID_NO") '
        'where "DELETED_DTTM" is not null'
    ).fetchone()
    sold_after, sold, items = retired
    assert (sold_after, sold > 0) == (0, True)
    assert 2 < items < 0.06 * BULK.items


@pytest.mark.parametrize(
    ("key", "table", "total", "least"),
    [
        ("MEMBERSHIP_ID_TXT", "TB_TRANSACTION", BULK.members, 0.05),
        ("ITEM_ID_NO", "TB_TRANSACTION_ITEM_MAPPING", BULK.items, 0.05),
    ],
)
def test_a_hundredth_of_members_and_items_is_in_demand_far_more_than_the_rest(
    seeded, key, table, total, least
):
    demand = column(
        seeded, f'select count(*) from "ASSESSMENT"."{table}" group by "{key}" order by 1 desc'
    )
    assert sum(demand[: total // 100]) > least * sum(demand)


def test_a_tenth_of_the_members_never_bought(seeded):
    [buyers] = column(
        seeded, 'select count(distinct "MEMBERSHIP_ID_TXT") from "ASSESSMENT"."TB_TRANSACTION"'
    )
    assert 0.7 * BULK.members < buyers <= 0.9 * BULK.members


def test_sales_lie_in_the_days_of_the_scale_and_more_of_them_lately(seeded):
    ages = column(
        seeded,
        'select extract(epoch from now() - "TRANSACTION_DTTM") / 86400 '
        'from "ASSESSMENT"."TB_TRANSACTION"',
    )
    assert min(ages) >= 0
    assert BULK.days - 30 < max(ages) < BULK.days + 1
    lately = sum(age < BULK.days / 2 for age in ages)
    assert lately > 0.6 * len(ages)


def test_few_sales_are_cancelled_and_those_not_delivered_are_mostly_recent(seeded):
    shares = dict(
        seeded.execute(
            'select "STATUS_CD", count(*) / sum(count(*)) over () '
            'from "ASSESSMENT"."TB_TRANSACTION" group by "STATUS_CD"'
        ).fetchall()
    )
    assert shares["COMPLETED"] > 0.85
    assert 0.04 < shares["CANCELLED"] < 0.08
    pending = column(
        seeded,
        """select "TRANSACTION_DTTM" > now() - interval '6 days'
        from "ASSESSMENT"."TB_TRANSACTION" where "STATUS_CD" = 'PENDING'""",
    )
    assert len(pending) / 2 < sum(pending) < len(pending)


@pytest.mark.parametrize("scale", [SCALES["demo"], BULK], ids=["demo", "bulk"])
def test_triggers_constraints_and_indexes_are_afterwards_as_before(owner, scale):
    before = column(owner, GUARDS)
    for known in ("TRIGGER write_audit", "FOREIGN KEY", "IX_TRANSACTION_TIME"):
        assert any(known in guard for guard in before)
    seed(owner, scale, lambda count: None)
    assert column(owner, GUARDS) == before


def test_a_load_that_is_stopped_leaves_everything_as_it_was(owner, monkeypatch):
    monkeypatch.setattr(module, "_BATCH", 5_000)
    before = column(owner, GUARDS)

    def stop(count: int) -> None:
        raise StoppedError

    with pytest.raises(StoppedError):
        seed(owner, BULK, stop)
    assert column(owner, GUARDS) == before
    assert counts(owner) == (0, 0, 0)
    seed(owner, SCALES["demo"], lambda count: None)
    assert counts(owner) == (200, 60, 600)


def test_a_bulk_load_is_not_in_the_audit_log_and_the_demo_is(owner):
    audited = 'select count(*) from "ASSESSMENT"."TB_AUDIT_LOG"'
    seed(owner, BULK, lambda count: None)
    assert column(owner, audited) == [0]
    seed(owner, SCALES["demo"], lambda count: None)
    assert column(owner, audited)[0] >= SCALES["demo"].transactions


def test_every_transaction_of_a_bulk_load_waits_for_the_next_build(seeded):
    waiting = "select count(distinct transaction_id) from change_queue.changed_transaction"
    assert column(seeded, waiting) == [BULK.transactions]


def test_a_seed_leaves_nothing_of_its_own_in_the_session(seeded):
    own = "select count(*) from pg_class where relnamespace = pg_my_temp_schema()"
    assert column(seeded, own) == [0]
    functions = "select count(*) from pg_proc where pronamespace = pg_my_temp_schema()"
    assert column(seeded, functions) == [0]
    assert seeded.execute("show work_mem").fetchone() == ("4MB",)
