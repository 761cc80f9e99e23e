"""Upgrades the warehouse to the newest migration."""

from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from sqlalchemy.exc import DBAPIError

from assets.errors import TablesVersionError
from assets.resources.postgres_errors import translated
from assets.resources.warehouse import NEWEST_MIGRATION, Warehouse, address, read_migration

_MIGRATIONS = Path(__file__).parent / "migrations"


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

    Raises `ServerError` when the server goes away or refuses, or has newer tables.
    """
    refuse_newer_tables(conninfo)
    config = Config(attributes={"conninfo": conninfo})
    config.set_main_option("script_location", str(_MIGRATIONS))
    with translated(address(conninfo)):
        try:
            command.upgrade(config, "head")
        except DBAPIError as error:
            if isinstance(error.orig, psycopg.Error):
                raise error.orig from None
            raise
