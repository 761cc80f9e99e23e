"""PostgreSQL for the event loop: a few connections in threads, and bounded waits.

The queries are the synchronous functions of `assets`, so psycopg's asynchronous pool cannot run
them.
"""

import asyncio
import os
import socket
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

import psycopg
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool, PoolTimeout

from assets.errors import ServerRefusedError, ServerUnavailableError
from assets.resources.postgres_errors import translated
from assets.resources.warehouse import Connection, address

_CONNECTIONS = 4
_PAUSE_SECONDS = 1.0
_KEEPALIVE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}

Result = TypeVar("Result")
_Pause = tuple[type[ServerUnavailableError] | type[ServerRefusedError], float]
"""What calls raise until a time of the event loop's clock."""


class Database:
    """The warehouse as the upload API's role.

    A transaction may take that many seconds, including the wait for a connection.
    """

    def __init__(self, conninfo: str, seconds: float) -> None:
        self._seconds = seconds
        self._pause: _Pause = (ServerUnavailableError, 0.0)
        self._threads = ThreadPoolExecutor(_CONNECTIONS, thread_name_prefix="database")
        self._refusals: deque[psycopg.Error] = deque(maxlen=1)
        limit = f"-c statement_timeout={int(seconds * 1000)}"
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            conninfo,
            connection_class=_recording(self._refusals),
            kwargs={"connect_timeout": max(2, int(seconds)), "options": limit, **_KEEPALIVE},
            min_size=1,
            max_size=_CONNECTIONS,
            timeout=seconds,
            reconnect_timeout=seconds,
            open=False,
        )
        self._address = address(conninfo)

    def open(self) -> None:
        """Starts to connect; a database that does not answer yet is not an error."""
        self._pool.open()

    async def close(self) -> None:
        """Closes the connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(self._pool.close)

    async def run(self, work: Callable[[Connection], Result]) -> Result:
        """Runs a function in a transaction of its own.

        Raises:
            ServerUnavailableError: The database does not answer in time.
            ServerRefusedError: The database refuses.
            ItemRefusedError: The database refuses a value.

        Without a connection further calls fail at once for a second, so that requests do not pile
        up.
        """
        loop = asyncio.get_running_loop()
        error_of_pause, until = self._pause
        if loop.time() < until:
            raise error_of_pause("PostgreSQL", self._address, "as a moment ago")
        transaction = _Transaction(self._pool)
        try:
            with translated(self._address):
                try:
                    async with asyncio.timeout(self._seconds):
                        return await loop.run_in_executor(self._threads, transaction.run, work)
                except (TimeoutError, PoolTimeout) as error:
                    transaction.abort()
                    late = psycopg.OperationalError(f"not within {self._seconds:g} s")
                    raise [*self._refusals, late][0] from error  # the pool does not say why
        except (ServerUnavailableError, ServerRefusedError) as error:
            if self._refusals or isinstance(error, ServerUnavailableError):
                self._pause = (type(error), loop.time() + _PAUSE_SECONDS)
            raise


def _recording(refusals: deque[psycopg.Error]) -> type[Connection]:
    """Returns a class that keeps why the latest connection could not be opened."""

    class Recording(psycopg.Connection[TupleRow]):
        @classmethod
        def connect(cls, *arguments: Any, **options: Any) -> Any:
            try:
                connection = super().connect(*arguments, **options)
            except psycopg.Error as error:
                refusals.append(error)
                raise
            refusals.clear()
            return connection

    return Recording


class _Transaction:
    """A function that runs in a thread, with one of the pool's connections."""

    def __init__(self, pool: ConnectionPool[Connection]) -> None:
        self._pool = pool
        self._connection: Connection | None = None
        self._is_aborted = False

    def run(self, work: Callable[[Connection], Any]) -> Any:
        connection: Connection | None = None
        try:
            with self._pool.connection() as connection:
                self._connection = connection
                return work(connection)
        except psycopg.OperationalError:
            if connection is None or not connection.closed or self._is_aborted:
                raise
        finally:
            self._connection = None
        # The connection was lost while it was idle in the pool, as after a restart of the server,
        # and others probably too. Repeating the function is safe: every write is idempotent.
        self._pool.check()
        with self._pool.connection() as self._connection:
            return work(self._connection)

    def abort(self) -> None:
        """Wakes the thread if it waits for a server that hangs; its connection is discarded."""
        self._is_aborted = True
        connection = self._connection
        if connection is not None and not connection.closed:
            with socket.socket(fileno=os.dup(connection.fileno())) as copy, suppress(OSError):
                copy.shutdown(socket.SHUT_RDWR)
