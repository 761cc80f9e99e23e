"""Registers uploads in batches: those that wait at the same time share one transaction."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from uuid import UUID

from assets.catalog import ledger
from assets.catalog.records import Arrival
from assets.ingestion.upload import lookup
from assets.ingestion.upload.lookup import Upload
from assets.resources.warehouse import Connection
from services.upload_api.database import Database

_MAX_BATCH_SIZE = 100
_GATHER_SECONDS = 0.01

_Waiting = tuple[Arrival, "asyncio.Future[Upload | None]"]


class Registrar:
    """Writes uploads to the ledger.

    While one transaction commits, further uploads gather for the next one. A batch waits a moment
    if more uploads are expected, because a transaction costs more than its rows.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Waiting] = []
        self._writer: asyncio.Task[None] | None = None
        self._expected = 0

    @contextmanager
    def expect_upload(self) -> Iterator[None]:
        """Announces, while the block runs, that an upload is about to be registered."""
        self._expected += 1
        try:
            yield
        finally:
            self._expected -= 1

    async def register(self, arrival: Arrival) -> Upload | None:
        """Registers an upload and returns it as the ledger has it, also if it was known before.

        Returns None when an image of this id has expired or is erased: it is not registered again.

        Raises `ServerError` when the ledger does not answer.
        """
        written: asyncio.Future[Upload | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((arrival, written))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        return await written

    async def _write(self) -> None:
        while self._waiting:
            if self._expected:
                await asyncio.sleep(_GATHER_SECONDS)
            batch = self._waiting[:_MAX_BATCH_SIZE]
            del self._waiting[:_MAX_BATCH_SIZE]
            arrivals = [arrival for arrival, _ in batch]
            task = self._database.run(partial(_register, arrivals))
            [known] = await asyncio.gather(task, return_exceptions=True)
            for arrival, written in batch:
                if written.done():
                    continue  # its request was cancelled
                if isinstance(known, BaseException):
                    written.set_exception(known)
                else:
                    written.set_result(known.get(arrival.image_id))


def _register(arrivals: list[Arrival], connection: Connection) -> Mapping[UUID, Upload]:
    """Returns the uploads that are registered and visible afterwards."""
    now = arrivals[0].arrived_at  # when rejected arrivals finished; these are not rejected
    if ledger.register(connection, arrivals, now) < len(arrivals):
        return lookup.find(connection, [arrival.image_id for arrival in arrivals])
    return {arrival.image_id: lookup.as_registered(arrival) for arrival in arrivals}
