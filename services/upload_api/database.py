"""PostgreSQL behind the event loop: a few connections in threads, and never a long wait."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import ConnectionPool

from assets.errors import ServerRefusedError, ServerUnavailableError
from assets.resources.warehouse import Connection

_CONNECTIONS = 4
_REST_SECONDS = 1.0
_KEEPALIVE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}

Result = TypeVar("Result")


class Database:
    """The warehouse as the upload API's role.

    Args:
        conninfo: Connection URL; it holds a password and is never shown.
        seconds: How long a piece of work may take, waiting for a connection included.
    """

    def __init__(self, conninfo: str, seconds: float) -> None:
        self._seconds = seconds
        self._rests_until = 0.0
        self._threads = ThreadPoolExecutor(_CONNECTIONS, thread_name_prefix="database")
        limit = f"-c statement_timeout={int(seconds * 1000)}"
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            conninfo,
            kwargs={"connect_timeout": max(2, int(seconds)), "options": limit, **_KEEPALIVE},
            min_size=1,
            max_size=_CONNECTIONS,
            timeout=seconds,
            reconnect_timeout=seconds,
            open=False,
        )
        parts = conninfo_to_dict(conninfo)
        self._address = f"{parts.get('host')}:{parts.get('port', 5432)}"

    def open(self) -> None:
        """Begins to connect; a database that does not answer yet is no error."""
        self._pool.open()

    async def close(self) -> None:
        """Ends the connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(self._pool.close)

    async def run(self, work: Callable[[Connection], Result]) -> Result:
        """Does a piece of work in a transaction of its own.

        Raises:
            ServerUnavailableError: The database does not answer in time. For a second after that
                it is not asked again, so that requests do not pile up before it.
            ServerRefusedError: It refuses what is asked of it.
        """
        loop = asyncio.get_running_loop()
        if loop.time() < self._rests_until:
            raise ServerUnavailableError("PostgreSQL", self._address, "it did not just now")
        transaction = _Transaction(self._pool)
        try:
            async with asyncio.timeout(self._seconds):
                return await loop.run_in_executor(self._threads, transaction.run, work)
        except (psycopg.OperationalError, TimeoutError) as error:
            if isinstance(error, TimeoutError):
                transaction.break_off()
            self._rests_until = loop.time() + _REST_SECONDS
            reason = type(error).__name__
            raise ServerUnavailableError("PostgreSQL", self._address, reason) from error
        except psycopg.Error as error:
            raise ServerRefusedError("PostgreSQL", self._address, type(error).__name__) from error


class _Transaction:
    """A piece of work on one of the pool's connections, in a thread."""

    def __init__(self, pool: ConnectionPool[Connection]) -> None:
        self._pool = pool
        self._connection: Connection | None = None
        self._is_broken_off = False

    def run(self, work: Callable[[Connection], Any]) -> Any:
        connection: Connection | None = None
        try:
            with self._pool.connection() as connection:
                self._connection = connection
                return work(connection)
        except psycopg.OperationalError:
            if connection is None or not connection.closed or self._is_broken_off:
                raise
        finally:
            self._connection = None
        # It was lost while it lay in the pool, as after a restart of the server, and others with
        # it. Work repeated changes nothing, as everywhere in this project.
        self._pool.check()
        with self._pool.connection() as self._connection:
            return work(self._connection)

    def break_off(self) -> None:
        """Wakes the thread if it waits for a server that hangs; its connection is thrown away."""
        self._is_broken_off = True
        connection = self._connection
        if connection is not None and not connection.closed:
            with socket.socket(fileno=os.dup(connection.fileno())) as line, suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
