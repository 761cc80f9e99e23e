"""What a sensor decides from what waits and what is in flight: pure functions over numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from assets.images.records import DayBacklog

_PARTITION_TAG = "dagster/partition"

DAYS_PER_TICK = 3
"""How many days one tick may ask runs for."""


@dataclass(frozen=True)
class Ask:
    """Ask for a run of each of these days; `why` says what was seen."""

    days: tuple[date, ...]
    why: str


@dataclass(frozen=True)
class Wait:
    """Ask for nothing; `why` says what was looked at."""

    why: str


def lag(ends: Mapping[int, int], stored: Mapping[int, tuple[int, int]]) -> int:
    """Returns how many messages are known to wait in a topic.

    Args:
        ends: End offset per partition as listed now, which may be too low.
        stored: Per partition the next offset to land and the high watermark a fetch once reported.
    """
    return sum(
        max(0, max(end, stored.get(partition, (0, 0))[1]) - stored.get(partition, (0, 0))[0])
        for partition, end in ends.items()
    )


def days_in_flight(tags_of_runs: Iterable[Mapping[str, str]]) -> frozenset[date]:
    """Returns the days that processing runs in flight work on, read from their partition tags."""
    days = (tags.get(_PARTITION_TAG) for tags in tags_of_runs)
    return frozenset(date.fromisoformat(day) for day in days if day)


def days_to_process(backlog: Sequence[DayBacklog], busy_days: frozenset[date]) -> Ask | Wait:
    """Decides for which days to ask for a run, oldest first: waiting, claimable, none in flight."""
    waiting = sum(day.waiting for day in backlog)
    free = [day.day for day in backlog if day.claimable and day.day not in busy_days]
    if free:
        return Ask(tuple(free[:DAYS_PER_TICK]), f"{waiting} images wait on {len(backlog)} days")
    if waiting:
        return Wait(f"{waiting} images wait; runs in flight have them")
    return Wait("no image waits in the ledger")
