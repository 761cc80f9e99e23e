"""What a sensor decides from what waits and what is in flight: pure functions over numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from assets.catalog.records import DayBacklog

_PARTITION_TAG = "dagster/partition"

IMAGES_PER_RUN = 5000
"""So many images that nobody has are worth another run on their day: starting one takes seconds."""


@dataclass(frozen=True)
class Ask:
    """Ask for a run for each of these days, more than one where a day is there again.

    `why` says what was seen.
    """

    days: tuple[date, ...]
    why: str


@dataclass(frozen=True)
class SkipTick:
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


def runs_by_day(tags_of_runs: Iterable[Mapping[str, str]]) -> Counter[date]:
    """Counts the processing runs in flight by day, read from their partition tags."""
    days = (tags.get(_PARTITION_TAG) for tags in tags_of_runs)
    return Counter(date.fromisoformat(day) for day in days if day)


def days_to_process(
    backlog: Sequence[DayBacklog], in_flight: Mapping[date, int], max_runs: int
) -> Ask | SkipTick:
    """Decides for which days to ask for a run.

    Every day on which images wait in nobody's hands gets one: the newest first, which people look
    at, then the oldest. What room is left goes to days on which more wait than the runs that are
    there are worth.

    Args:
        backlog: The days on which images wait, the oldest first.
        in_flight: How many processing runs there are, by day.
        max_runs: How many there may be altogether.
    """
    waiting = sum(day.waiting for day in backlog)
    said = f"{waiting} images wait on {len(backlog)} days"
    by_turns = [(turn, day) for turn in range(max_runs) for day in (*backlog[-1:], *backlog[:-1])]
    wanted = [
        day.day
        for turn, day in by_turns
        if day.claimable > turn * IMAGES_PER_RUN and in_flight.get(day.day, 0) <= turn
    ]
    room = max_runs - sum(in_flight.values())
    if not waiting:
        return SkipTick("no image waits in the ledger")
    if not wanted:
        return SkipTick(f"{said}; runs in flight have them")
    if room <= 0:
        return SkipTick(f"{said}; {max_runs} runs are in flight, and no more may be")
    return Ask(tuple(wanted[:room]), said)
