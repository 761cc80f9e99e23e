"""Makes invented sales inside PostgreSQL: six hundred transactions for the demo, or millions."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg
from psycopg import sql

TABLES = ("TB_MEMBERSHIP", "TB_ITEM", "TB_TRANSACTION", "TB_TRANSACTION_ITEM_MAPPING")

_CATALOGUE = Path(__file__).with_name("catalogue.sql")
_SET_ASIDE = Path(__file__).with_name("set_aside.sql")
_TRANSACTIONS = Path(__file__).with_name("transactions.sql")
_BATCH = 50_000
_MEMORY = "set local work_mem = '64MB'; set local maintenance_work_mem = '256MB'"
_PARAMETER = "select set_config('darkroom.seed_' || %s, %s, true)"
_TIDY_UP = """
    drop table pg_temp.member_place, pg_temp.item_place;
    drop function pg_temp.pick, pg_temp.digit, pg_temp.chance
"""


@dataclass(frozen=True)
class Scale:
    """The size of a load.

    Args:
        members: The least number of members afterwards, the last tenth without purchases.
        items: The least number of items afterwards, a few of them retired.
        transactions: The number of transactions that are added.
        days: The number of days until now over which they spread.
    """

    members: int
    items: int
    transactions: int
    days: int


SCALES = {
    "demo": Scale(members=200, items=60, transactions=600, days=90),
    "small": Scale(members=10_000, items=1_000, transactions=50_000, days=1_095),
    "medium": Scale(members=100_000, items=10_000, transactions=500_000, days=1_095),
    "large": Scale(members=1_000_000, items=10_000, transactions=5_000_000, days=1_095),
}


def seed(connection: psycopg.Connection, scale: Scale, advance: Callable[[int], None]) -> None:
    """Adds invented sales in one transaction, as the owner of the tables.

    At every scale but the demo's this is a bulk load. It is not recorded row by row in the audit
    log, and foreign keys and secondary indexes are recreated at its end, so that nobody else can
    read or write the sales tables meanwhile. A load that is killed changes nothing.

    Args:
        advance: Called with the number of transactions that the last batch added.
    """
    with connection.transaction():
        connection.execute(_MEMORY)
        _set_parameters(connection, asdict(scale))
        if scale == SCALES["demo"]:
            _load(connection, scale, advance)
        else:
            with _bulk_load(connection):
                _load(connection, scale, advance)


def rows_per_table(connection: psycopg.Connection) -> dict[str, int]:
    """Counts the rows of the four sales tables."""
    counts = {}
    for table in TABLES:
        found = connection.execute(sql.SQL("select count(*) from {}").format(_relation(table)))
        counts[table] = sum(row[0] for row in found)
    return counts


def _load(connection: psycopg.Connection, scale: Scale, advance: Callable[[int], None]) -> None:
    connection.execute(_CATALOGUE.read_text())
    for done in range(0, scale.transactions, _BATCH):
        batch = min(_BATCH, scale.transactions - done)
        _set_parameters(connection, {"done": done, "batch": batch})
        connection.execute(_TRANSACTIONS.read_text())
        advance(batch)
    connection.execute(_TIDY_UP)
    for table in TABLES:
        connection.execute(sql.SQL("analyze {}").format(_relation(table)))


@contextmanager
def _bulk_load(connection: psycopg.Connection) -> Iterator[None]:
    """Drops what slows loading down and recreates it; after an error the rollback does."""
    pairs = connection.execute(_SET_ASIDE.read_text()).fetchall()
    for drop, _ in pairs:
        connection.execute(drop)
    yield
    for _, recreate in pairs:
        connection.execute(recreate)


def _set_parameters(connection: psycopg.Connection, values: dict[str, int]) -> None:
    """Passes values to the SQL files, until the end of the transaction."""
    for name, value in values.items():
        connection.execute(_PARAMETER, [name, str(value)])


def _relation(table: str) -> sql.Identifier:
    return sql.Identifier("ASSESSMENT", table)
