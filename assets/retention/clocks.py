"""The clocks that ages are measured by: of this machine, of PostgreSQL, and of S3."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from assets.platform import Platform
from assets.resources.warehouse import read_value
from assets.timing import utc_now

TOLERANCE = timedelta(minutes=1)
"""How much the clocks may differ."""


def read_clocks(platform: Platform) -> dict[str, datetime]:
    """Returns the current time (UTC) by each clock, by the clock's name.

    A server's answer is taken as its time in the middle of the request, so that a slow server does
    not look like a wrong clock. Raises `ServerError` when a server does not answer.
    """

    def database_time() -> datetime:
        with platform.warehouse.connect() as connection:
            answer: datetime = read_value(connection, "select clock_timestamp()")
        return answer.astimezone(UTC)

    ahead = {"PostgreSQL": _ahead(database_time), "S3": _ahead(platform.object_store.server_time)}
    now = utc_now()
    return {"this machine": now, **{name: now + by for name, by in ahead.items()}}


def earliest(clocks: Mapping[str, datetime]) -> datetime:
    """Returns the earliest time of all clocks, by which nothing looks older than it is."""
    return min(clocks.values())


def difference(clocks: Mapping[str, datetime]) -> timedelta:
    """Returns the largest difference between two clocks."""
    return max(clocks.values()) - min(clocks.values())


def _ahead(read: Callable[[], datetime]) -> timedelta:
    """Returns how far a clock is ahead of this machine's."""
    before = utc_now()
    answer = read()
    after = utc_now()
    return answer - (before + (after - before) / 2)
