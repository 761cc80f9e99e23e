"""Connections to the PostgreSQL warehouse."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg
from psycopg.conninfo import conninfo_to_dict

from assets.errors import ServerUnavailableError
from assets.settings import Settings

Connection = psycopg.Connection[tuple[object, ...]]


@dataclass(frozen=True)
class Warehouse:
    """The warehouse as one role; `conninfo` holds a password and is never shown."""

    conninfo: str = field(repr=False)

    @staticmethod
    def from_settings(settings: Settings) -> Warehouse:
        """Returns the warehouse as the loading role."""
        return Warehouse(settings.database_url.get_secret_value())

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """Opens a connection that commits when the block ends well and rolls back otherwise.

        Raises `ServerUnavailableError` when the database cannot be reached or goes away.
        """
        try:
            with psycopg.connect(self.conninfo, connect_timeout=5) as connection:
                yield connection
        except psycopg.OperationalError as error:
            raise ServerUnavailableError(
                "PostgreSQL", self._address(), _first_line(error)
            ) from error

    def _address(self) -> str:
        parts = conninfo_to_dict(self.conninfo)
        return f"{parts.get('host')}:{parts.get('port', 5432)}"


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
