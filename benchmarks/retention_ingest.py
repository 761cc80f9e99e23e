"""Messages landed per second: alone, and during a purge of images that have just become due.

Both rates are of one landing, which begins long before the purge. The ledger has the time at which
each message was landed.
"""

import time
from bisect import bisect_right
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from assets.platform import Platform
from assets.resources.warehouse import Warehouse, read_values
from assets.settings import Settings
from assets.timing import utc_now
from benchmarks.landing import fill_dedicated_topic, land
from benchmarks.retention_objects import dedicated_buckets, make_images, waiting_purge
from infra.console import console
from infra.local.stack import Stack
from infra.report import MeasurementError

ALONE, DURING_PURGE = "landing alone", "landing during a purge"

_SIZE_BYTES = 50_000
_CHUNK_BYTES = 2 * 1024 * 1024  # lands a few messages at a time, so that moments can be told apart
_PART_ALONE = 3
_JUST_DUE = timedelta(minutes=5)
_POLL_SECONDS = 0.2
_MOMENTS = """
    select registered_at from image_catalog.image where source = 'kafka' and starts_with(origin, %s)
"""


def measure_ingestion(stack: Stack, messages: int, images: int, _turn: int) -> dict[str, float]:
    """Lands messages, and purges images once a third of them are landed; returns both rates.

    The images have just become due, as in an hourly purge: a late purge is not throttled.
    """
    settings = stack.settings()
    own = dedicated_buckets(settings)
    make_images(own, images, utc_now() - settings.purge_age - _JUST_DUE)
    small = settings.model_copy(update={"kafka_chunk_bytes": _CHUNK_BYTES})
    filled = fill_dedicated_topic(small, _SIZE_BYTES, messages)
    with waiting_purge(own, stack.environment()) as purge, ThreadPoolExecutor(1) as thread:
        landing = thread.submit(land, Platform.from_settings(filled))
        while len(_moments(filled)) < messages // _PART_ALONE and not landing.done():
            time.sleep(_POLL_SECONDS)
        began = utc_now()
        ended = began + timedelta(seconds=purge().seconds)
        landed = landing.result()
    if landed != messages:
        raise MeasurementError(f"{landed} of {messages} messages were landed.")
    console.print(f"[dim]the purge took {(ended - began).total_seconds():.1f} s[/]")
    return rates_of(_moments(filled), began, ended)


def rates_of(moments: Sequence[datetime], began: datetime, ended: datetime) -> dict[str, float]:
    """Returns messages per second, during a purge and otherwise.

    Args:
        moments: When each message was landed; all is measured from the first on.
        ended: When it ended; what is after the last message does not count.

    Raises `MeasurementError` when too few messages were landed during the purge, or otherwise.
    """
    in_order = sorted(moments)
    first, last = in_order[0], in_order[-1]
    until = min(ended, last)
    during = bisect_right(in_order, until) - bisect_right(in_order, began)
    alone = len(in_order) - bisect_right(in_order, first) - during
    seconds = (until - began).total_seconds()
    seconds_alone = (last - first).total_seconds() - seconds
    if min(during, alone) <= 0 or min(seconds, seconds_alone) <= 0:
        raise MeasurementError(
            "The purge and the landing did not overlap; give both more, by --messages and --purged."
        )
    return {ALONE: alone / seconds_alone, DURING_PURGE: during / seconds}


def _moments(settings: Settings) -> list[datetime]:
    with Warehouse.from_settings(settings).connect() as connection:
        return read_values(connection, _MOMENTS, [f"{settings.kafka_topic}/"])
