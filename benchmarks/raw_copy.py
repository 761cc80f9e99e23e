"""Raw COPYs into tables like the ledger's: the least that writing rows can cost.

A raw COPY locks nothing, fires no trigger, and fails on a row that exists. It is measured in
PostgreSQL's default format, text, and in the binary one, which takes less time.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, LiteralString, TypeVar

import psycopg
from psycopg import sql

from assets.resources.warehouse import Connection, Warehouse
from benchmarks.rounds import measure_variants
from infra.local.stack import Stack
from infra.local.warehouses import owner_conninfo

RAW_COPY, BINARY_COPY = "raw COPY", "raw binary COPY"
BATCH_ROWS = 1000

_FORMATS = {RAW_COPY: "text", BINARY_COPY: "binary"}
_COPY = "copy {schema}.{table} ({columns}) from stdin (format {format})"

Item = TypeVar("Item")
Row = tuple[object, ...]


@dataclass(frozen=True)
class RawTables(Generic[Item]):
    """Tables that the raw COPYs write to, a set for each format.

    Attributes:
        statements: What creates them; names of tables and their partitions in braces.
        columns: By table, types by column; each table has a partition `<table>_now`.
        rows: Returns the rows of a batch, by table: one value per column.
    """

    schema: str
    statements: LiteralString
    columns: Mapping[str, Mapping[str, str]]
    rows: Callable[[Sequence[Item]], Mapping[str, Iterable[Row]]]

    def create(self, stack: Stack) -> None:
        """Creates the tables in a new schema."""
        with psycopg.connect(owner_conninfo(stack)) as admin:
            admin.execute(sql.SQL("create schema {}").format(sql.Identifier(self.schema)))
            for form in _FORMATS.values():
                names = [*self.columns, *(f"{table}_now" for table in self.columns)]
                tables = {name: sql.Identifier(self.schema, f"{name}_{form}") for name in names}
                admin.execute(sql.SQL(self.statements).format(**tables))

    def copy(self, connection: Connection, variant: str, batch: Sequence[Item]) -> None:
        """Writes a batch by `raw COPY` or `raw binary COPY`."""
        form = _FORMATS[variant]
        for table, rows in self.rows(batch).items():
            columns = self.columns[table]
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


def measure_writes(
    stack: Stack,
    ours: str,
    write: Callable[[Connection, Sequence[Item]], object],
    tables: RawTables[Item],
    batches: Callable[[Connection], Iterable[Sequence[Item]]],
    turn: int,
) -> dict[str, float]:
    """Writes and commits every batch with each variant, in turns; returns items per second.

    Args:
        ours: What `write` is called.
        batches: Returns the batches, for which it may write rows as well; that does not count.
    """
    count = 0
    with (
        Warehouse.from_settings(stack.settings()).connect() as loader,
        psycopg.connect(owner_conninfo(stack)) as admin,
    ):
        writes: dict[str, Callable[[Sequence[Item]], object]] = {
            ours: partial(write, loader),
            RAW_COPY: partial(tables.copy, admin, RAW_COPY),
            BINARY_COPY: partial(tables.copy, admin, BINARY_COPY),
        }
        seconds = dict.fromkeys(writes, 0.0)

        def timed(name: str, batch: Sequence[Item]) -> float:
            started = time.perf_counter()
            writes[name](batch)
            (loader if name == ours else admin).commit()
            return time.perf_counter() - started

        for number, batch in enumerate(batches(loader)):
            count += len(batch)
            variants = {name: partial(timed, name, batch) for name in writes}
            for name, taken in measure_variants(variants, turn + number).items():
                seconds[name] += taken
    return {name: count / taken for name, taken in seconds.items()}
