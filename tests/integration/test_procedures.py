"""What Logistics and Sales do: allowed ways work, and a mistake gets one sentence and no change."""

from collections.abc import Iterator

import psycopg
import pytest

MEMBER, SUSPENDED = "tan_a1b2c", "lim_00000"
LAMP, FLASH, RETIRED = 1, 2, 3
SOLD = 'select "STATUS_CD", "TOTAL_PRICE_NO", "TOTAL_WEIGHT_KG" from "ASSESSMENT"."TB_TRANSACTION"'
LINES = 'select "ITEM_ID_NO", "QUANTITY_NO" from "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING"'
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
        "('Tank', 'Lumen', 5, 1, now())"
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
        'call "ASSESSMENT".record_transaction(%s, %s::bigint[], %s::integer[])',
        [member, items, quantities],
    )
    return transaction_id


def test_a_purchase_is_recorded_with_its_items_and_totals(logistics):
    assert record(logistics, [LAMP, FLASH], [3, 1]) == 1
    [(status, price, weight)] = logistics.execute(SOLD)
    assert (status, float(price), float(weight)) == ("PENDING", 130.29, 4.9)
    assert set(logistics.execute(LINES)) == {(LAMP, 3), (FLASH, 1)}


@pytest.mark.parametrize(
    ("items", "quantities", "member", "sentence"),
    [
        ([], [], MEMBER, "at least one item"),
        ([LAMP], [1, 2], MEMBER, "1 items, 2 quantities"),
        (None, None, MEMBER, "at least one item"),
        ([LAMP], [0], MEMBER, "Every quantity must be 1 or more"),
        ([LAMP], [-1], MEMBER, "Every quantity must be 1 or more"),
        ([LAMP], [None], MEMBER, "Every quantity must be 1 or more"),
        ([LAMP, LAMP], [1, 1], MEMBER, "named once"),
        ([LAMP, RETIRED], [1, 1], MEMBER, "Not on sale: item 3"),
        ([LAMP, 99, 98], [1, 1, 1], MEMBER, "Not on sale: item 98, 99"),
        ([None], [1], MEMBER, "Not on sale: item null"),
        ([LAMP], [1], "nobody_00000", "There is no member nobody_00000"),
        ([LAMP], [1], None, "There is no member"),
        ([LAMP], [1], SUSPENDED, "Member lim_00000 is SUSPENDED"),
        ([LAMP, FLASH], [2_000_000_000, 2_000_000_000], MEMBER, "too large"),
    ],
)
def test_a_purchase_with_an_error_is_refused_completely(
    logistics, items, quantities, member, sentence
):
    with pytest.raises(psycopg.Error, match=sentence):
        record(logistics, items, quantities, member)
    assert logistics.execute(SOLD).fetchall() == []
    assert logistics.execute(LINES).fetchall() == []


@pytest.mark.parametrize(
    ("procedure", "status"),
    [("complete_transaction", "COMPLETED"), ("cancel_transaction", "CANCELLED")],
)
def test_a_pending_purchase_is_settled_once(owner, logistics, procedure, status):
    record(logistics, [LAMP], [1])
    logistics.execute(f'call "ASSESSMENT".{procedure}(1)')
    assert logistics.execute(SOLD).fetchone()[0] == status
    other = "cancel" if status == "COMPLETED" else "complete"
    with pytest.raises(psycopg.errors.CheckViolation, match=f"Transaction 1 is {status} already"):
        logistics.execute(f'call "ASSESSMENT".{other}_transaction(1)')
    change = 'update "ASSESSMENT"."TB_TRANSACTION" set "STATUS_CD" = \'PENDING\''
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        logistics.execute(change)
    with pytest.raises(psycopg.errors.CheckViolation, match=f"Transaction 1 is {status} already"):
        owner.execute(change)
    assert logistics.execute(SOLD).fetchone()[0] == status


def test_a_status_that_does_not_exist_is_refused(owner, logistics):
    record(logistics, [LAMP], [1])
    with pytest.raises(psycopg.errors.CheckViolation):
        owner.execute('update "ASSESSMENT"."TB_TRANSACTION" set "STATUS_CD" = \'LOST\'')


@pytest.mark.parametrize("procedure", ["complete_transaction", "cancel_transaction"])
def test_a_purchase_that_does_not_exist_cannot_be_settled(logistics, procedure):
    with pytest.raises(psycopg.Error, match="There is no transaction 7"):
        logistics.execute(f'call "ASSESSMENT".{procedure}(7)')


def test_sales_adds_changes_retires_and_restores_an_item(sales):
    [(item,)] = sales.execute('call "ASSESSMENT".add_item(%s, %s, 12.50, 0.3)', ["Cloth", "Lumen"])
    sales.execute('call "ASSESSMENT".change_item(%s, cost => 11.00)', [item])
    assert sales.execute(ITEMS, [item]).fetchone() == ("Cloth", 11.0, True)
    sales.execute('call "ASSESSMENT".retire_item(%s)', [item])
    assert sales.execute(ITEMS, [item]).fetchone() == ("Cloth", 11.0, False)
    sales.execute('call "ASSESSMENT".restore_item(%s)', [item])
    assert sales.execute(ITEMS, [item]).fetchone() == ("Cloth", 11.0, True)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        ("add_item('', 'Lumen', 1, 1)", "ITEM_NAME"),
        ("add_item('Cloth', 'Lumen', -1, 1)", "COST_NO"),
        ("add_item('Cloth', 'Lumen', 1, null)", "WEIGHT_KG"),
        ("change_item(99, cost => 1)", "There is no item 99"),
        ("change_item(1, cost => -1)", "COST_NO"),
        ("retire_item(99)", "There is no item 99 on sale"),
        ("retire_item(3)", "There is no item 3 on sale"),
        ("restore_item(1)", "There is no retired item 1"),
        ("remove_item(99)", "There is no item 99"),
    ],
)
def test_an_error_of_sales_is_explained(sales, call, sentence):
    with pytest.raises(psycopg.Error, match=sentence):
        sales.execute(f'call "ASSESSMENT".{call}')


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
        'select "UPDATED_BY_ID_NO"::oid::regrole::text from "ASSESSMENT"."TB_ITEM" '
        'where "ITEM_ID_NO" = 1'
    )
    assert updated_by == sales.info.user


def test_sales_tables_cannot_be_truncated_even_by_their_owner(owner):
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="delete the rows"):
        owner.execute('truncate "ASSESSMENT"."TB_MEMBERSHIP" cascade')
