"""Raw COPYs into tables like the ledger's: the least that writing rows can cost.

A raw COPY locks nothing, fires no trigger, and fails on a row that exists. It is measured in
PostgreSQL's default format, text, and in the binary one, which takes less time.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import LiteralString, TypeVar

import psycopg
from psycopg import sql

from assets.resources.warehouse import Connection
from benchmarks.rounds import rotated

RAW_COPY, BINARY_COPY = "raw COPY", "raw binary COPY"
BATCH_ROWS = 1000

_FORMATS = {RAW_COPY: "text", BINARY_COPY: "binary"}
_COPY = "copy {schema}.{table} ({columns}) from stdin (format {format})"

Item = TypeVar("Item")
Row = tuple[object, ...]


@dataclass(frozen=True)
class RawCopy:
    """A COPY in one format.

    Attributes:
        variant: `raw COPY` or `raw binary COPY`.
    """

    schema: str
    variant: str

    def write(
        self, connection: Connection, table: str, columns: Mapping[str, str], rows: Iterable[Row]
    ) -> None:
        """Writes rows.

        Args:
            columns: Types by name, in the order of the rows' values.
            rows: One value per column.
        """
        form = _FORMATS[self.variant]
        statement = sql.SQL(_COPY).format(
            schema=sql.Identifier(self.schema),
            table=sql.Identifier(f"{table}_{form}"),
            columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
            format=sql.SQL(form),
        )
        with connection.cursor().copy(statement) as copy:
            copy.set_types(list(columns.values()))
            for row in rows:
                copy.write_row(row)


def create_raw_tables(
    admin_conninfo: str, schema: str, statements: LiteralString, tables: Sequence[str]
) -> None:
    """Creates the tables that the raw COPYs write to, a set for each format.

    Args:
        admin_conninfo: May create schemas.
        schema: A new schema.
        statements: What creates them; names of schema, tables and their partitions in braces.
        tables: The names in braces; each table has a partition `<table>_now`.
    """
    with psycopg.connect(admin_conninfo) as admin:
        admin.execute(sql.SQL("create schema {}").format(sql.Identifier(schema)))
        for form in _FORMATS.values():
            names = [*tables, *(f"{table}_now" for table in tables)]
            identifiers = {name: sql.Identifier(schema, f"{name}_{form}") for name in names}
            admin.execute(sql.SQL(statements).format(**identifiers))


def committed(
    connection: Connection, write: Callable[[Sequence[Item]], object]
) -> Callable[[Sequence[Item]], None]:
    """Returns a function that writes a batch and commits it."""

    def write_and_commit(batch: Sequence[Item]) -> None:
        write(batch)
        connection.commit()

    return write_and_commit


def batch_rates(
    variants: Mapping[str, Callable[[Sequence[Item]], object]],
    batches: Iterable[Sequence[Item]],
    turn: int,
) -> dict[str, float]:
    """Writes every batch with each variant, in turn; returns items per second of each variant."""
    seconds, items = dict.fromkeys(variants, 0.0), 0
    for number, batch in enumerate(batches):
        items += len(batch)
        for name in rotated(list(variants), turn + number):
            started = time.perf_counter()
            variants[name](batch)
            seconds[name] += time.perf_counter() - started
    return {name: items / taken for name, taken in seconds.items()}
