"""What Logistics and Sales do: allowed ways work, and a mistake gets one sentence and no change."""

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial

import psycopg
import pytest

MEMBER, SUSPENDED = "tan_a1b2c", "lim_00000"
LAMP, FLASH, RETIRED, DEAR, HEAVY = 1, 2, 3, 4, 5
SOLD = 'select "STATUS_CD", "TOTAL_PRICE_NO", "TOTAL_WEIGHT_KG" from "ASSESSMENT"."TB_TRANSACTION"'
LINES = """
    select "ITEM_ID_NO", "QUANTITY_NO", "UNIT_PRICE_NO"
    from "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING"
"""
ITEMS = """
    select "ITEM_NAME", "COST_NO"::float, "DELETED_DTTM" is null from "ASSESSMENT"."TB_ITEM"
    where "ITEM_ID_NO" = %s
"""


@pytest.fixture(autouse=True)
def catalogue(owner) -> None:
    """Two members and three items, one of them retired."""
    owner.execute(
        'insert into "ASSESSMENT"."TB_MEMBERSHIP" values '
        "('tan_a1b2c', 'Mei', 'Tan', 'a@example.com', '+447700900001', '1990-01-01', true), "
        "('lim_00000', 'Wei', 'Lim', 'b@example.com', '+447700900002', '1990-01-01', true)"
    )
    owner.execute(
        'update "ASSESSMENT"."TB_MEMBERSHIP" set "STATUS_CD" = \'SUSPENDED\' '
        'where "MEMBERSHIP_ID_TXT" = %s',
        [SUSPENDED],
    )
    owner.execute(
        'insert into "ASSESSMENT"."TB_ITEM" '
        '("ITEM_NAME", "MANUFACTURER_NAME", "COST_NO", "WEIGHT_KG", "DELETED_DTTM") values '
        "('Lamp', 'Lumen', 10.10, 1.5, null), ('Flash', 'Lumen', 99.99, 0.4, null), "
        "('Tank', 'Lumen', 5, 1, now()), ('Enlarger', 'Lumen', 10000, 9999.99, null), "
        "('Press', 'Lumen', 9999.99, 10000, null)"
    )


@pytest.fixture
def logistics(people) -> Iterator[psycopg.Connection]:
    with psycopg.connect(people.join("TEAM_LOGISTICS"), autocommit=True) as connection:
        yield connection


@pytest.fixture
def sales(people) -> Iterator[psycopg.Connection]:
    with psycopg.connect(people.join("TEAM_SALES"), autocommit=True) as connection:
        yield connection


def record(logistics, items: list, quantities: list, member: str | None = MEMBER) -> int:
    [(transaction_id,)] = logistics.execute(
        'call "ASSESSMENT".record_transaction(%s, %s::bigint[], %s::numeric[])',
        [member, items, quantities],
    )
    return transaction_id


def assert_refused(call: Callable[[], object], code: str, column: str, sentence: str) -> None:
    """The call is refused with this SQLSTATE, one sentence, and the column that it is about."""
    with pytest.raises(psycopg.Error, match=sentence) as refusal:
        call()
    diag = refusal.value.diag
    assert (diag.sqlstate, diag.schema_name, diag.column_name) == (code, "ASSESSMENT", column)
    assert re.fullmatch(r"[A-Z][^\n]*\.", diag.message_primary)
    assert diag.table_name.startswith("TB_")


def test_a_purchase_is_recorded_with_its_items_and_totals(logistics):
    assert record(logistics, [LAMP, FLASH], [3, 1]) == 1
    [(status, price, weight)] = logistics.execute(SOLD)
    assert (status, float(price), float(weight)) == ("PENDING", 130.29, 4.9)
    assert set(logistics.execute(LINES)) == {
        (LAMP, 3, Decimal("10.10")),
        (FLASH, 1, Decimal("99.99")),
    }


NAN, INFINITY = Decimal("NaN"), Decimal("Infinity")


@pytest.mark.parametrize(
    ("items", "quantities", "member", "refusal"),
    [
        ([], [], MEMBER, ("23514", "QUANTITY_NO", "at least one item")),
        ([LAMP], [1, 2], MEMBER, ("23514", "QUANTITY_NO", "1 items and 2 quantities")),
        (None, None, MEMBER, ("23514", "QUANTITY_NO", "at least one item")),
        ([LAMP], [0], MEMBER, ("23514", "QUANTITY_NO", "of item 1 must be a whole number")),
        ([LAMP], [-1], MEMBER, ("23514", "QUANTITY_NO", "from 1 to 1,000,000; given was -1")),
        ([FLASH, LAMP], [1.0, 1.5], MEMBER, ("23514", "QUANTITY_NO", "item 1 .* given was 1.5")),
        ([LAMP], [None], MEMBER, ("23502", "QUANTITY_NO", "given was nothing")),
        ([LAMP], [10**10], MEMBER, ("22003", "QUANTITY_NO", "given was 10000000000")),
        ([LAMP], [NAN], MEMBER, ("22003", "QUANTITY_NO", "given was NaN")),
        ([LAMP], [INFINITY], MEMBER, ("22003", "QUANTITY_NO", "given was Infinity")),
        ([LAMP, LAMP], [1, 1], MEMBER, ("23514", "ITEM_ID_NO", "Name item 1 once")),
        ([LAMP, RETIRED], [1, 1], MEMBER, ("P0002", "ITEM_ID_NO", "not on sale: item 3")),
        ([LAMP, 99, 98], [1, 1, 1], MEMBER, ("P0002", "ITEM_ID_NO", "on sale: item 98, 99")),
        ([None], [1], MEMBER, ("23502", "ITEM_ID_NO", "Give the number of each item")),
        ([LAMP], [1], "no_00000", ("P0002", "MEMBERSHIP_ID_TXT", "no member no_00000")),
        ([LAMP], [1], None, ("23502", "MEMBERSHIP_ID_TXT", "Name the member")),
        ([LAMP], [1], " ", ("23502", "MEMBERSHIP_ID_TXT", "Name the member")),
        ([LAMP], [1], SUSPENDED, ("55000", "MEMBERSHIP_ID_TXT", "lim_00000 is suspended")),
        ([DEAR], [1_000_000], MEMBER, ("22003", "TOTAL_PRICE_NO", "Split the purchase")),
        ([HEAVY], [1_000_000], MEMBER, ("22003", "TOTAL_WEIGHT_KG", "Split the purchase")),
    ],
)
def test_a_purchase_with_an_error_is_refused_completely(
    logistics, items, quantities, member, refusal
):
    assert_refused(lambda: record(logistics, items, quantities, member), *refusal)
    assert logistics.execute(SOLD).fetchall() == []
    assert logistics.execute(LINES).fetchall() == []


@pytest.mark.parametrize(
    ("procedure", "status"),
    [("complete_transaction", "COMPLETED"), ("cancel_transaction", "CANCELLED")],
)
def test_a_pending_purchase_is_settled_once_and_a_second_call_says_by_whom(
    owner, logistics, procedure, status
):
    record(logistics, [LAMP], [1])
    logistics.execute(f'call "ASSESSMENT".{procedure}(1)')
    assert logistics.execute(SOLD).fetchone()[0] == status
    sentence = (
        rf"^Transaction 1 was {status.lower()} already by {logistics.info.user} on "
        r"\d{4}-\d\d-\d\d at \d\d:\d\d UTC; only a pending one can be "
    )
    for again in ("complete", "cancel"):
        call = f'call "ASSESSMENT".{again}_transaction(1)'
        assert_refused(partial(logistics.execute, call), "55000", "STATUS_CD", sentence)
    change = 'update "ASSESSMENT"."TB_TRANSACTION" set "STATUS_CD" = \'PENDING\''
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        logistics.execute(change)
    with pytest.raises(psycopg.errors.CheckViolation, match=f"Transaction 1 is {status} already"):
        owner.execute(change)
    assert logistics.execute(SOLD).fetchone()[0] == status


def test_many_purchases_are_completed_and_each_is_answered_for(owner, logistics):
    for _ in range(4):
        record(logistics, [LAMP], [1])
    logistics.execute('call "ASSESSMENT".cancel_transaction(2)')
    with owner.transaction():
        owner.execute(
            'select from "ASSESSMENT"."TB_TRANSACTION" where "TRANSACTION_ID_NO" = 3 for update'
        )
        answers = logistics.execute(
            'select * from "ASSESSMENT".complete_transactions(array[4, 99, 3, 2, 1, null, 4])'
        ).fetchall()
    assert [answer[:2] for answer in answers] == [
        (1, "COMPLETED"),
        (2, "SETTLED_ALREADY"),
        (3, "LOCKED"),
        (4, "COMPLETED"),
        (4, "SETTLED_ALREADY"),
        (99, "NOT_FOUND"),
        (None, "NO_NUMBER"),
    ]
    assert answers[0][2] == "Transaction 1 is completed."
    assert answers[1][2].startswith(f"Transaction 2 was cancelled already by {logistics.info.user}")
    assert answers[2][2] == "Transaction 3 is being changed by somebody else; try again."
    assert answers[5][2:] == ("There is no transaction 99; check the number.",)
    assert answers[6][2:] == ("Give the number of the transaction.",)
    assert [status for status, *_ in logistics.execute(SOLD + ' order by "TRANSACTION_ID_NO"')] == [
        "COMPLETED",
        "CANCELLED",
        "PENDING",
        "COMPLETED",
    ]


@pytest.mark.parametrize("numbers", ["null", "array[]::bigint[]"])
def test_to_complete_no_purchase_at_all_is_refused(logistics, numbers):
    call = f'select * from "ASSESSMENT".complete_transactions({numbers})'
    sentence = "Give the numbers of the transactions"
    assert_refused(lambda: logistics.execute(call), "23502", "TRANSACTION_ID_NO", sentence)


def test_a_status_that_does_not_exist_is_refused(owner, logistics):
    record(logistics, [LAMP], [1])
    with pytest.raises(psycopg.errors.CheckViolation):
        owner.execute('update "ASSESSMENT"."TB_TRANSACTION" set "STATUS_CD" = \'LOST\'')


@pytest.mark.parametrize("procedure", ["complete_transaction", "cancel_transaction"])
@pytest.mark.parametrize(
    ("number", "code", "sentence"),
    [
        ("7", "P0002", "There is no transaction 7"),
        ("-1", "P0002", "There is no transaction -1"),
        ("null", "23502", "Give the number of the transaction"),
    ],
)
def test_a_purchase_that_does_not_exist_cannot_be_settled(
    logistics, procedure, number, code, sentence
):
    call = f'call "ASSESSMENT".{procedure}({number})'
    assert_refused(lambda: logistics.execute(call), code, "TRANSACTION_ID_NO", sentence)


def test_sales_adds_changes_retires_and_restores_an_item(sales):
    [(item,)] = sales.execute('call "ASSESSMENT".add_item(%s, %s, 12.50, 0.3)', ["Cloth", "Lumen"])
    sales.execute('call "ASSESSMENT".change_item(%s, cost => 11.00)', [item])
    assert sales.execute(ITEMS, [item]).fetchone() == ("Cloth", 11.0, True)
    sales.execute('call "ASSESSMENT".retire_item(%s)', [item])
    assert sales.execute(ITEMS, [item]).fetchone() == ("Cloth", 11.0, False)
    sales.execute('call "ASSESSMENT".restore_item(%s)', [item])
    assert sales.execute(ITEMS, [item]).fetchone() == ("Cloth", 11.0, True)


AMOUNT = "must be from 0 to 99,999,999.99 with at most two decimals; given was "


@pytest.mark.parametrize(
    ("call", "code", "column", "sentence"),
    [
        ("add_item('', 'Lumen', 1, 1)", "23514", "ITEM_NAME", "The name must be .* a blank one"),
        ("add_item(E'\t', 'Lumen', 1, 1)", "23514", "ITEM_NAME", "a blank one"),
        ("add_item(repeat('x', 201), 'Lumen', 1, 1)", "22001", "ITEM_NAME", "one of 201 char"),
        ("add_item(null, 'Lumen', 1, 1)", "23502", "ITEM_NAME", "given was nothing"),
        ("add_item('Cloth', '  ', 1, 1)", "23514", "MANUFACTURER_NAME", "The manufacturer must"),
        ("add_item('Cloth', null, 1, 1)", "23502", "MANUFACTURER_NAME", "given was nothing"),
        ("add_item('Cloth', 'Lumen', -1, 1)", "23514", "COST_NO", f"The cost {AMOUNT}-1"),
        ("add_item('Cloth', 'Lumen', 1.999, 1)", "23514", "COST_NO", f"{AMOUNT}1.999"),
        ("add_item('Cloth', 'Lumen', 1e10, 1)", "22003", "COST_NO", f"{AMOUNT}10000000000"),
        ("add_item('Cloth', 'Lumen', 'NaN', 1)", "22003", "COST_NO", f"{AMOUNT}NaN"),
        ("add_item('Cloth', 'Lumen', '-Infinity', 1)", "22003", "COST_NO", "given was -Infinity"),
        ("add_item('Cloth', 'Lumen', null, 1)", "23502", "COST_NO", f"{AMOUNT}nothing"),
        ("add_item('Cloth', 'Lumen', 1, null)", "23502", "WEIGHT_KG", "The weight in kilograms m"),
        ("add_item('Cloth', 'Lumen', 1, 'Infinity')", "22003", "WEIGHT_KG", f"{AMOUNT}Infinity"),
        ("change_item(99, cost => 1)", "P0002", "ITEM_ID_NO", "There is no item 99"),
        ("change_item(null, cost => 1)", "23502", "ITEM_ID_NO", "Give the number of the item"),
        ("change_item(1)", "23514", "ITEM_ID_NO", "Say what to change of item 1"),
        ("change_item(1, cost => null)", "23514", "ITEM_ID_NO", "Say what to change of item 1"),
        ("change_item(1, cost => -1)", "23514", "COST_NO", f"The cost {AMOUNT}-1"),
        ("change_item(1, cost => 1.999)", "23514", "COST_NO", f"{AMOUNT}1.999"),
        ("change_item(1, cost => 'NaN')", "22003", "COST_NO", f"{AMOUNT}NaN"),
        ("change_item(1, weight_kg => 1e10)", "22003", "WEIGHT_KG", f"{AMOUNT}10000000000"),
        ("change_item(1, item_name => ' ')", "23514", "ITEM_NAME", "a blank one"),
        ("change_item(1, manufacturer_name => '')", "23514", "MANUFACTURER_NAME", "a blank one"),
        ("retire_item(99)", "P0002", "ITEM_ID_NO", "There is no item 99"),
        ("retire_item(null)", "23502", "ITEM_ID_NO", "Give the number of the item"),
        ("retire_item(3)", "55000", "DELETED_DTTM", "Item 3 was retired already by "),
        ("restore_item(1)", "55000", "DELETED_DTTM", "Item 1 is on sale; only a retired item"),
        ("restore_item(null)", "23502", "ITEM_ID_NO", "Give the number of the item"),
        ("remove_item(99)", "P0002", "ITEM_ID_NO", "There is no item 99"),
        ("remove_item(null)", "23502", "ITEM_ID_NO", "Give the number of the item"),
    ],
)
def test_an_error_of_sales_is_explained_and_changes_nothing(
    owner, sales, call, code, column, sentence
):
    before = owner.execute('select * from "ASSESSMENT"."TB_ITEM" order by 1').fetchall()
    assert_refused(lambda: sales.execute(f'call "ASSESSMENT".{call}'), code, column, sentence)
    assert owner.execute('select * from "ASSESSMENT"."TB_ITEM" order by 1').fetchall() == before


def test_a_change_of_an_item_that_was_changed_after_it_was_read_is_refused(people, sales):
    version = 'select "UPDATED_DTTM" from "ASSESSMENT"."TB_ITEM" where "ITEM_ID_NO" = 1'
    change = 'call "ASSESSMENT".change_item(1, cost => %s, expected => %s)'
    [(read,)] = sales.execute(version)
    with psycopg.connect(people.join("TEAM_SALES"), autocommit=True) as colleague:
        colleague.execute(change, [11, read])
        sentence = f"^Item 1 was changed by {colleague.info.user} on .* UTC, after you had read it;"
    assert_refused(partial(sales.execute, change, [12, read]), "U0001", "UPDATED_DTTM", sentence)
    assert sales.execute(ITEMS, [LAMP]).fetchone() == ("Lamp", 11.0, True)
    [(read,)] = sales.execute(version)
    sales.execute(change, [12, read])
    assert sales.execute(ITEMS, [LAMP]).fetchone() == ("Lamp", 12.0, True)


def test_an_item_that_was_ever_sold_cannot_be_deleted_and_another_can(logistics, sales):
    record(logistics, [LAMP], [1])
    logistics.execute('call "ASSESSMENT".cancel_transaction(1)')
    with pytest.raises(psycopg.errors.RestrictViolation, match="Item 1 was sold"):
        sales.execute('call "ASSESSMENT".remove_item(1)')
    sales.execute('call "ASSESSMENT".remove_item(2)')
    assert sales.execute(ITEMS, [LAMP]).fetchone() is not None
    assert sales.execute(ITEMS, [FLASH]).fetchone() is None


def test_an_item_cannot_be_retired_under_a_purchase_that_is_being_recorded(logistics, sales):
    with logistics.transaction():
        record(logistics, [LAMP], [1])
        sales.execute("set lock_timeout = 0")  # the procedure has a limit of its own
        with pytest.raises(psycopg.errors.LockNotAvailable):
            sales.execute('call "ASSESSMENT".retire_item(1)')
    sales.execute('call "ASSESSMENT".retire_item(1)')


def test_stamps_cannot_be_forged(sales):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        sales.execute('update "ASSESSMENT"."TB_ITEM" set "CREATED_BY_ID_NO" = 10')
    sales.execute('call "ASSESSMENT".change_item(1, cost => 11)')
    [(updated_by,)] = sales.execute(
        'select "ROLE_NAME_TXT" from "ASSESSMENT"."TB_ITEM" '
        'inner join "ASSESSMENT"."TB_PERSON" on "PERSON_ID_NO" = "UPDATED_BY_ID_NO" '
        'where "ITEM_ID_NO" = 1'
    )
    assert updated_by == sales.info.user


def test_sales_tables_cannot_be_truncated_even_by_their_owner(owner):
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="delete the rows"):
        owner.execute('truncate "ASSESSMENT"."TB_MEMBERSHIP" cascade')
