"""Connections to the PostgreSQL warehouse, rows of queries, and advisory locks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final, LiteralString, TypeVar

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow, class_row, scalar_row

from assets.errors import TablesVersionError
from assets.resources.postgres_errors import translated
from assets.settings import Settings

Row = TypeVar("Row")
Connection = psycopg.Connection[TupleRow]
Query = LiteralString | sql.SQL | sql.Composed
Parameters = Sequence[object] | Mapping[str, object] | None

NEWEST_MIGRATION: Final = "0021"
"""The migration whose tables this version works with."""


@dataclass(frozen=True)
class Warehouse:
    """The warehouse as one role.

    Attributes:
        conninfo: A connection string; it holds a password and is never shown.
        migration: The only migration whose tables this program works with; None for any.
    """

    conninfo: str = field(repr=False)
    migration: str | None = None

    @staticmethod
    def from_settings(settings: Settings) -> Warehouse:
        """Returns the warehouse of this version, as the role of this program."""
        return Warehouse(settings.database_url.get_secret_value(), NEWEST_MIGRATION)

    @contextmanager
    def connect(self, *, autocommit: bool = False) -> Iterator[Connection]:
        """Opens a connection that commits when the block ends well and rolls back otherwise.

        Raises `ServerError` when the database cannot be reached, goes away, refuses or has the
        tables of another version, and `ItemRefusedError` when it refuses values.
        """
        with (
            translated(address(self.conninfo)),
            psycopg.connect(self.conninfo, connect_timeout=5, autocommit=autocommit) as connection,
        ):
            if self.migration is not None:
                self._require(connection, self.migration)
            yield connection

    def _require(self, connection: Connection, migration: str) -> None:
        found = None
        with suppress(psycopg.errors.UndefinedTable, psycopg.errors.InsufficientPrivilege):
            found = read_migration(connection)
        connection.rollback()
        if found != migration:
            raise TablesVersionError(address(self.conninfo), found, migration)


def read_migration(connection: Connection) -> str:
    """Returns the migration that the tables have."""
    return str(read_value(connection, "select version_num from migration.alembic_version"))


def address(conninfo: str) -> str:
    """Returns host and port of a connection string, without its password."""
    parts = conninfo_to_dict(conninfo)
    return f"{parts.get('host')}:{parts.get('port', 5432)}"


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


def lock(connection: Connection, work: str) -> None:
    """Makes this transaction the only one that does a kind of work; waits for another to end."""
    connection.execute("select pg_advisory_xact_lock(hashtext(%s))", [work])


def try_lock(connection: Connection, work: str) -> bool:
    """Makes this transaction the only one that does a kind of work; returns whether it could."""
    return bool(read_value(connection, "select pg_try_advisory_xact_lock(hashtext(%s))", [work]))


def lock_images(connection: Connection, ids: Iterable[str]) -> None:
    """Makes this transaction the only one that registers or deletes these images.

    `ids` are UUIDs as text. Transactions lock in the order of the ids, so that none waits for
    another in a circle.
    """
    connection.execute(
        """
        select count(pg_advisory_xact_lock(uuid_hash_extended(image_id, 0)))
        from (select image_id from unnest(%s::uuid[]) as image_id order by image_id) as one
        """,
        ["{" + ",".join(ids) + "}"],
    )
