"""What the sales tables refuse to hold, because no sum and no client could show it."""

import psycopg
import pytest
from psycopg import sql

SALES_TABLES = [
    "TB_AUDIT_LOG",
    "TB_ITEM",
    "TB_MEMBERSHIP",
    "TB_PERSON",
    "TB_TRANSACTION",
    "TB_TRANSACTION_ITEM_MAPPING",
]
COLUMNS = """
    select relname, attname, format_type(atttypid, null)
    from pg_attribute inner join pg_class on pg_class.oid = attrelid
    where relnamespace = '"ASSESSMENT"'::regnamespace and relkind = 'r' and attnum > 0
        and format_type(atttypid, null) in ('numeric', 'date', 'timestamp with time zone')
    order by relname, attnum
"""
WRONG = {
    "numeric": ("NaN", "Infinity", "-Infinity", "-0.01"),
    "date": ("infinity", "-infinity", "1899-12-31", "3000-01-01"),
    "timestamp with time zone": (
        "infinity",
        "-infinity",
        "1899-12-31 23:59:59.999999+00",
        "3000-01-01 00:00:00+00",
    ),
}
REFUSED = (psycopg.errors.CheckViolation, psycopg.errors.NumericValueOutOfRange)


def change(connection: psycopg.Connection, table: str, column: str, value: object) -> None:
    statement = sql.SQL("update {} set {} = {}").format(
        sql.Identifier("ASSESSMENT", table), sql.Identifier(column), sql.Literal(value)
    )
    connection.execute(statement)


def test_no_number_or_time_can_be_nan_infinite_or_beyond_all_clients(sales, superuser):
    superuser.execute("set session_replication_role = replica")  # no trigger judges before
    columns = superuser.execute(COLUMNS).fetchall()
    for table, column, kind in columns:
        for value in WRONG[kind]:
            with pytest.raises(REFUSED):
                change(superuser, table, column, value)
    assert sorted({table for table, *_ in columns}) == SALES_TABLES


@pytest.mark.parametrize("pieces", [0, -1, 1_000_001])
def test_a_line_has_one_to_a_million_pieces(sales, owner, pieces):
    with pytest.raises(psycopg.errors.CheckViolation):
        change(owner, "TB_TRANSACTION_ITEM_MAPPING", "QUANTITY_NO", pieces)
    change(owner, "TB_TRANSACTION_ITEM_MAPPING", "QUANTITY_NO", 1_000_000)
