"""Upgrades the warehouse to the newest migration."""

from pathlib import Path

from alembic import command
from alembic.config import Config

_MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(conninfo: str) -> None:
    """Applies the missing migrations as the owner of the tables, each in one transaction."""
    config = Config(attributes={"conninfo": conninfo})
    config.set_main_option("script_location", str(_MIGRATIONS))
    command.upgrade(config, "head")
