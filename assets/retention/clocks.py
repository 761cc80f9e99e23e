"""The clocks that ages are measured by: this machine's, the database's and the object store's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import cast

from assets.resources.object_store import ObjectStore
from assets.resources.warehouse import Warehouse
from assets.timing import utc_now

TOLERANCE = timedelta(minutes=1)
"""By so much clocks may differ."""


def read_clocks(warehouse: Warehouse, object_store: ObjectStore) -> dict[str, datetime]:
    """Returns what time it is now by each clock (UTC), by its name.

    A server's answer counts for the middle of the time that it took, so that a slow server is not
    taken for a clock that is wrong. The object store tells whole seconds.

    Raises `ServerError` when a server does not answer.
    """

    def database_time() -> datetime:
        with warehouse.connect() as connection:
            [(told,)] = connection.execute("select clock_timestamp()")
        return cast(datetime, told).astimezone(UTC)

    ahead = {
        "PostgreSQL": _ahead(database_time),
        "S3": _ahead(object_store.server_time),
    }
    now = utc_now()
    return {"this machine": now, **{name: now + by for name, by in ahead.items()}}


def earliest(clocks: Mapping[str, datetime]) -> datetime:
    """Returns the earliest time that a clock shows: by it nothing is taken for older than it is.

    Raises `ValueError` when there is no clock.
    """
    return min(clocks.values())


def difference(clocks: Mapping[str, datetime]) -> timedelta:
    """Returns by how much the clocks differ at most."""
    return max(clocks.values()) - min(clocks.values())


def _ahead(read: Callable[[], datetime]) -> timedelta:
    """Returns by how much a clock is ahead of this machine's."""
    before = utc_now()
    told = read()
    after = utc_now()
    return told - (before + (after - before) / 2)
