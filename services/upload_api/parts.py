"""What one process of the upload API is made of, put together once and handed to its routes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import Request

from assets.settings import UploadSettings
from services.upload_api.acceptance import Acceptance
from services.upload_api.callers import ApiKeyCache, RateLimit
from services.upload_api.catalogue import Catalogue
from services.upload_api.database import Database
from services.upload_api.intake import BodyTimeouts, MemoryBudget
from services.upload_api.metrics import Metrics
from services.upload_api.registrar import Registrar
from services.upload_api.storage import Storage


@dataclass(frozen=True)
class AppState:
    """Everything that the routes work with."""

    settings: UploadSettings
    metrics: Metrics
    storage: Storage
    database: Database
    api_key_cache: ApiKeyCache
    rate_limit: RateLimit
    room: MemoryBudget
    timeouts: BodyTimeouts
    acceptance: Acceptance
    catalogue: Catalogue

    @staticmethod
    def of(settings: UploadSettings) -> AppState:
        """Puts the parts together; nothing is connected yet."""
        storage = Storage.from_settings(settings)
        conninfo = settings.database_url.get_secret_value()
        database = Database(conninfo, settings.upload_database_seconds)
        return AppState(
            settings=settings,
            metrics=Metrics(),
            storage=storage,
            database=database,
            api_key_cache=ApiKeyCache(database),
            rate_limit=RateLimit(settings.upload_requests_per_minute),
            room=MemoryBudget(settings.upload_memory_bytes),
            timeouts=BodyTimeouts(settings.upload_idle_seconds, settings.upload_body_seconds),
            acceptance=Acceptance(storage, database, Registrar(database)),
            catalogue=Catalogue(settings, database, storage),
        )

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Connects while the block runs; servers that do not answer yet are waited for later."""
        self.database.open()
        seconds = self.settings.upload_keys_seconds
        fresh_keys = asyncio.create_task(self.api_key_cache.refresh_every(seconds))
        try:
            yield
        finally:
            fresh_keys.cancel()
            await asyncio.gather(fresh_keys, return_exceptions=True)
            await self.database.close()


def app_state_of(request: Request) -> AppState:
    """Returns the parts of the app that serves a request."""
    parts: AppState = request.app.state.parts
    return parts
