"""What one process of the upload API is made of, put together once and handed to its routes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import Request

from assets.settings import UploadSettings
from services.upload_api.acceptance import Acceptance
from services.upload_api.callers import Keyring, RateLimit
from services.upload_api.catalogue import Catalogue
from services.upload_api.database import Database
from services.upload_api.intake import Patience, Room
from services.upload_api.metrics import Metrics
from services.upload_api.registrar import Registrar
from services.upload_api.storage import Storage


@dataclass(frozen=True)
class Parts:
    """Everything that the routes work with."""

    settings: UploadSettings
    metrics: Metrics
    storage: Storage
    database: Database
    keyring: Keyring
    rate_limit: RateLimit
    room: Room
    patience: Patience
    acceptance: Acceptance
    catalogue: Catalogue

    @staticmethod
    def of(settings: UploadSettings) -> Parts:
        """Puts the parts together; nothing is connected yet."""
        storage = Storage.from_settings(settings)
        conninfo = settings.database_url.get_secret_value()
        database = Database(conninfo, settings.upload_database_seconds)
        return Parts(
            settings=settings,
            metrics=Metrics(),
            storage=storage,
            database=database,
            keyring=Keyring(database),
            rate_limit=RateLimit(settings.upload_requests_per_minute),
            room=Room(settings.upload_memory_bytes),
            patience=Patience(settings.upload_idle_seconds, settings.upload_body_seconds),
            acceptance=Acceptance(storage, database, Registrar(database)),
            catalogue=Catalogue(settings, database, storage),
        )

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Connects while the block runs; servers that do not answer yet are waited for later."""
        self.database.open()
        seconds = self.settings.upload_keys_seconds
        fresh_keys = asyncio.create_task(self.keyring.keep_fresh(seconds))
        try:
            yield
        finally:
            fresh_keys.cancel()
            await asyncio.gather(fresh_keys, return_exceptions=True)
            await self.database.close()


def parts_of(request: Request) -> Parts:
    """Returns the parts of the app that serves a request."""
    parts: Parts = request.app.state.parts
    return parts
