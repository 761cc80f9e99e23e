"""Upgrades the warehouse to the newest migration, as the administration role."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import URL

_MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(conninfo: str) -> None:
    """Applies the missing migrations as the administration role, each in one transaction."""
    command.upgrade(_config(conninfo), "head")


def _config(conninfo: str) -> Config:
    parts = conninfo_to_dict(conninfo)
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["url"] = URL.create(
        "postgresql+psycopg",
        username=_text(parts.get("user")),
        password=_text(parts.get("password")),
        host=_text(parts.get("host")),
        port=int(parts.get("port") or 5432),
        database=_text(parts.get("dbname")),
    )
    return config


def _text(value: object) -> str | None:
    return None if value is None else str(value)
