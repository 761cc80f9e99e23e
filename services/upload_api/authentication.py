"""Who sends a request and how often: the API key cache and the rate limit, each per process."""

import asyncio
import logging
import math
from collections.abc import Mapping
from datetime import datetime
from functools import partial

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from assets.errors import ServerError
from assets.ingestion.upload import api_keys
from assets.ingestion.upload.api_keys import ApiKey, Caller
from services.upload_api.database import Database
from services.upload_api.problems import RATE_LIMITED, ProblemError

_LOG = logging.getLogger(__name__)


class ApiKeyCache:
    """The valid API keys, read from the database every few seconds.

    While the database is down the known keys stay valid: nobody can revoke one then.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._callers: Mapping[bytes, Caller] = {}

    async def caller(self, key: ApiKey) -> Caller | None:
        """Returns the caller of a key; None when the key is not valid.

        Raises `ServerError` when the key is not cached and the database does not answer.
        """
        found = self._callers.get(key.sha256)
        if found is None:  # perhaps a key that was created since the last refresh
            found = await self._database.run(partial(api_keys.find_caller, sha256=key.sha256))
            if found is not None:
                self._callers = {**self._callers, key.sha256: found}
        return found if found and found.key_id == key.key_id else None

    async def refresh_every(self, seconds: float) -> None:
        """Reads the keys periodically until it is cancelled."""
        while True:
            try:
                self._callers = await self._database.run(api_keys.callers)
            except ServerError as error:
                _LOG.warning("The API keys could not be refreshed: %s", error)
            await asyncio.sleep(seconds)


class RateLimit:
    """How many uploads per minute one uploader may send to this process."""

    def __init__(self, per_minute: int) -> None:
        self._limit = RateLimitItemPerMinute(per_minute)
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._policy = f'"uploads";q={per_minute};w=60'

    async def admit(self, uploader: str, now: datetime) -> Mapping[str, str]:
        """Counts an upload and returns the headers that state how many are left.

        Raises `ProblemError` when the limit is exceeded.

        Source: IETF draft “RateLimit header fields for HTTP”, draft-ietf-httpapi-ratelimit-headers.
        """
        is_admitted = await self._limiter.hit(self._limit, uploader)
        ends, left = await self._limiter.get_window_stats(self._limit, uploader)
        seconds = max(1, math.ceil(ends - now.timestamp()))
        headers = {"RateLimit-Policy": self._policy, "RateLimit": f'"uploads";r={left};t={seconds}'}
        if not is_admitted:
            raise ProblemError(
                RATE_LIMITED,
                f"You may send {self._limit.amount} uploads a minute; "
                f"continue in {seconds} s, with the same Idempotency-Key.",
                {**headers, "Retry-After": str(seconds)},
            )
        return headers
