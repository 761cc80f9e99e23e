"""Typed rows of queries: a dataclass per row, or one value."""

from collections.abc import Mapping, Sequence
from typing import Any, LiteralString, TypeVar

from psycopg import sql
from psycopg.rows import class_row, scalar_row

from assets.resources.warehouse import Connection

Row = TypeVar("Row")
Query = LiteralString | sql.SQL | sql.Composed
Parameters = Sequence[object] | Mapping[str, object] | None


def read_rows(
    connection: Connection, kind: type[Row], query: Query, parameters: Parameters = None
) -> list[Row]:
    """Returns the rows of a query as instances of a class whose fields are named as its columns."""
    with connection.cursor(row_factory=class_row(kind)) as cursor:
        return cursor.execute(query, parameters).fetchall()


def read_values(connection: Connection, query: Query, parameters: Parameters = None) -> list[Any]:
    """Returns the first column of a query, as psycopg converts its type."""
    with connection.cursor(row_factory=scalar_row) as cursor:
        return cursor.execute(query, parameters).fetchall()


def read_value(connection: Connection, query: Query, parameters: Parameters = None) -> Any:
    """Returns the first column of the only row of a query.

    Raises `ValueError` when there is not exactly one row.
    """
    [value] = read_values(connection, query, parameters)
    return value
