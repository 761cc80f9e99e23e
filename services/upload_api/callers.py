"""Who calls: API keys, known for a while without asking the database, and how often one may send.

Both are kept by each process for itself.
"""

from __future__ import annotations

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
_RETRY_SECONDS = 5


class ApiKeyCache:
    """The keys that are valid, read anew every few seconds.

    While the database is down the keys known so far go on working: nobody can revoke one then.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._callers: Mapping[bytes, Caller] = {}

    async def caller(self, key: ApiKey) -> Caller | None:
        """Returns who calls with a key; None when it is not valid.

        Raises `ServerError` when it is not known and the database cannot be asked.
        """
        found = self._callers.get(key.sha256)
        if found is None:  # perhaps a key made just now
            found = await self._database.run(partial(api_keys.find_caller, sha256=key.sha256))
            if found is not None:
                self._callers = {**self._callers, key.sha256: found}
        return found if found and found.key_id == key.key_id else None

    async def refresh_every(self, seconds: float) -> None:
        """Reads the keys every so many seconds, until it is cancelled."""
        while True:
            try:
                self._callers = await self._database.run(api_keys.callers)
            except ServerError as error:
                _LOG.warning("The API keys could not be read again: %s", error)
            await asyncio.sleep(seconds)


class RateLimit:
    """How many uploads one uploader may send in a minute to this process."""

    def __init__(self, per_minute: int) -> None:
        self._limit = RateLimitItemPerMinute(per_minute)
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._policy = f'"uploads";q={per_minute};w=60'

    async def admit(self, uploader: str, now: datetime) -> Mapping[str, str]:
        """Counts an upload and returns the headers that tell how many are left.

        Raises `ProblemError` when there are too many.

        Source: IETF draft “RateLimit header fields for HTTP”, draft-ietf-httpapi-ratelimit-headers.
        """
        is_admitted = await self._limiter.hit(self._limit, uploader)
        ends, left = await self._limiter.get_window_stats(self._limit, uploader)
        seconds = max(1, math.ceil(ends - now.timestamp()))
        headers = {
            "RateLimit-Policy": self._policy,
            "RateLimit": f'"uploads";r={left};t={seconds}',
        }
        if not is_admitted:
            raise ProblemError(
                RATE_LIMITED,
                f"{self._limit.amount} uploads a minute are taken from you; "
                f"go on in {seconds} s, with the same Idempotency-Key.",
                {**headers, "Retry-After": str(seconds)},
            )
        return headers
