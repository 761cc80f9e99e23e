"""Columns that are declared once each, and binary COPY of rows into them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, LiteralString, TypeVar

from psycopg import sql

from assets.resources.warehouse import Connection

Row = TypeVar("Row")

_COPY = sql.SQL("copy {table} ({columns}) from stdin (format binary)")
_CREATE = sql.SQL("create temporary table {table} ({columns}) on commit drop")


@dataclass(frozen=True)
class Column(Generic[Row]):
    """A column of a table, and where its values come from.

    If it `keeps`, an update leaves a stored value alone when the row has none.
    """

    name: str
    type: LiteralString
    read: Callable[[Row], object]
    keeps: bool = False

    @property
    def identifier(self) -> sql.Identifier:
        """Its name, quoted."""
        return sql.Identifier(self.name)


def values(columns: Sequence[Column[Row]], row: Row) -> tuple[object, ...]:
    """Returns a row's values of the columns, in their order."""
    return tuple(column.read(row) for column in columns)


def copy_rows(
    connection: Connection,
    table: sql.Identifier,
    columns: Sequence[Column[Row]],
    rows: Iterable[Row],
) -> None:
    """Copies rows into a table."""
    names = sql.SQL(", ").join(column.identifier for column in columns)
    with connection.cursor().copy(_COPY.format(table=table, columns=names)) as copy:
        copy.set_types([column.type for column in columns])
        for row in rows:
            copy.write_row(values(columns, row))


def create_temporary(
    connection: Connection, table: sql.Identifier, columns: Sequence[Column[Row]]
) -> None:
    """Creates a table of these columns that is dropped at the end of the transaction."""
    described = [sql.SQL("{} {}").format(one.identifier, sql.SQL(one.type)) for one in columns]
    connection.execute(_CREATE.format(table=table, columns=sql.SQL(", ").join(described)))
