"""Upgrades the warehouse to the newest migration."""

from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from sqlalchemy.exc import DBAPIError

from assets.errors import RowsRefusedError, TablesVersionError
from assets.resources.postgres_errors import translated
from assets.resources.warehouse import NEWEST_MIGRATION, Warehouse, address, read_migration

_MIGRATIONS = Path(__file__).parent / "migrations"
_ROWS_REFUSED = "U0002"
"""The SQLSTATE with which a migration refuses rows; its message names their keys."""


def refuse_newer_tables(conninfo: str) -> None:
    """Raises `TablesVersionError` when the tables have migrations that this version does not know.

    Args:
        conninfo: The connection of a role that may read which migration they have.
    """
    with Warehouse(conninfo).connect() as connection:
        try:
            found = read_migration(connection)
        except psycopg.errors.UndefinedTable:
            return  # there are none yet
    if found > NEWEST_MIGRATION:
        raise TablesVersionError(address(conninfo), found, NEWEST_MIGRATION)


def migrate(conninfo: str) -> None:
    """Applies the missing migrations as the owner of the tables, each in one transaction.

    Raises `ServerError` when the server goes away or refuses, or has newer tables, and
    `RowsRefusedError` when rows break a rule of a missing migration.
    """
    refuse_newer_tables(conninfo)
    config = Config(attributes={"conninfo": conninfo})
    config.set_main_option("script_location", str(_MIGRATIONS))
    with translated(address(conninfo)):
        try:
            command.upgrade(config, "head")
        except (DBAPIError, psycopg.Error) as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            if not isinstance(cause, psycopg.Error):
                raise
            if cause.sqlstate == _ROWS_REFUSED:
                raise RowsRefusedError(cause.diag.message_primary) from None
            raise cause from None
