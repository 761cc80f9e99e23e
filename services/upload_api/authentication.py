"""Who sends a request and how often: the API key cache and the rate limit, each per process."""

import asyncio
import ipaddress
import logging
import math
from collections.abc import Mapping
from datetime import datetime

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from assets.errors import ServerError
from assets.ingestion.upload import api_keys
from assets.ingestion.upload.api_keys import ApiKey, Caller
from services.upload_api.database import Database
from services.upload_api.problems import RATE_LIMITED, TOO_MANY_KEYS, ProblemError

_LOG = logging.getLogger(__name__)
_PAUSE_SECONDS = 0.1
_WRONG_KEYS_PER_MINUTE = 20
_COUNTERS = 4096


class ApiKeyCache:
    """The valid API keys, read from the database every few seconds.

    A key that is not among them may have been created since: they are read again, once for all
    requests that wait for it, so that unknown keys cost ten queries a second, however many come.
    While the database is down the known keys stay valid: nobody can revoke one then.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._callers: Mapping[bytes, Caller] = {}
        self._lock = asyncio.Lock()
        self._read_at = -math.inf

    async def caller(self, key: ApiKey) -> Caller | None:
        """Returns the caller of a key; None when the key is not valid.

        Raises `ServerError` when the key is not cached and the database does not answer.
        """
        if (found := self.cached(key)) is None:
            await self._read()
            found = self.cached(key)
        return found

    def cached(self, key: ApiKey) -> Caller | None:
        """Returns the caller of a key that was valid when the keys were read last."""
        found = self._callers.get(key.sha256)
        return found if found and found.key_id == key.key_id else None

    async def refresh_every(self, seconds: float) -> None:
        """Reads the keys periodically until it is cancelled."""
        while True:
            try:
                await self._read()
            except ServerError as error:
                _LOG.warning("The API keys could not be refreshed: %s", error)
            await asyncio.sleep(seconds)

    async def _read(self) -> None:
        """Reads the keys, unless somebody else began to after this was called."""
        now = asyncio.get_running_loop().time
        called_at = now()
        async with self._lock:
            if self._read_at > called_at:
                return
            await asyncio.sleep(self._read_at + _PAUSE_SECONDS - now())
            read_at = now()
            self._callers = await self._database.run(api_keys.callers)
            self._read_at = read_at


class WrongKeys:
    """How many wrong API keys somebody at one address has sent in the last minute.

    The addresses share a fixed number of counters, by a hash that nobody outside can compute.
    """

    def __init__(self) -> None:
        self._limit = RateLimitItemPerMinute(_WRONG_KEYS_PER_MINUTE)
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def check(self, address: str) -> None:
        """Raises `ProblemError` when too many came from an address."""
        if not await self._limiter.test(self._limit, _counter(address)):
            raise ProblemError(
                TOO_MANY_KEYS,
                "Too many wrong API keys came from your address; wait a minute, and ask the "
                "platform team for a key if yours is not accepted then.",
            )

    async def count(self, address: str) -> None:
        """Counts a wrong key."""
        await self._limiter.hit(self._limit, _counter(address))


def _counter(address: str) -> str:
    """Names the counter of an address; IPv6 addresses of one network have the same."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:  # as a proxy reported it
        return str(hash(address) % _COUNTERS)
    prefix = found.packed if found.version == 4 else found.packed[:8]
    return str(hash(prefix) % _COUNTERS)


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
