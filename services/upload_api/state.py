"""The objects that one process of the upload API shares between requests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Request

from assets.settings import UploadSettings
from services.upload_api.acceptance import Acceptance, Registrar
from services.upload_api.authentication import ApiKeyCache, RateLimit, WrongKeys
from services.upload_api.body import BodyTimeouts, MemoryBudget
from services.upload_api.catalogue import Catalogue
from services.upload_api.database import Database
from services.upload_api.metrics import Metrics
from services.upload_api.storage import Storage


class AppState:
    """Everything that the routes use; creating it connects to nothing."""

    def __init__(self, settings: UploadSettings) -> None:
        conninfo = settings.database_url.get_secret_value()
        self.settings = settings
        self.metrics = Metrics()
        self.storage = Storage.from_settings(settings)
        self.database = Database(conninfo, settings.upload_database_seconds)
        self.api_key_cache = ApiKeyCache(self.database)
        self.wrong_keys = WrongKeys()
        self.rate_limit = RateLimit(settings.upload_requests_per_minute)
        self.memory = MemoryBudget(settings.upload_memory_bytes, settings.upload_bodies)
        self.timeouts = BodyTimeouts(settings.upload_idle_seconds, settings.upload_body_seconds)
        registrar = Registrar(self.database, settings.erasure_key)
        self.acceptance = Acceptance(
            self.storage, self.database, registrar, settings.upload_signing_key
        )
        self.catalogue = Catalogue(settings, self.database, self.storage)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Connects while the block runs; a server that does not answer yet is not an error."""
        self.database.open()
        seconds = self.settings.upload_keys_seconds
        refresh = asyncio.create_task(self.api_key_cache.refresh_every(seconds))
        try:
            yield
        finally:
            refresh.cancel()
            await asyncio.gather(refresh, return_exceptions=True)
            await self.database.close()


def app_state_of(request: Request) -> AppState:
    """Returns the state of the app that serves a request."""
    state: AppState = request.app.state.darkroom
    return state
