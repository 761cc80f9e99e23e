"""For which days processing runs are requested: pure functions over numbers."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from assets.catalog.records import DayBacklog

IMAGES_PER_RUN = 5000
"""One run is requested per this many claimable images of a day: starting a run takes seconds."""


def runs_by_day(tags_of_runs: Iterable[Mapping[str, str]]) -> Counter[date]:
    """Counts processing runs by day, read from their partition tags."""
    days = (tags.get("dagster/partition") for tags in tags_of_runs)
    return Counter(date.fromisoformat(day) for day in days if day)


def days_to_process(
    backlog: Sequence[DayBacklog], in_flight: Mapping[date, int], max_runs: int
) -> tuple[list[date], str]:
    """Returns the days for which to request runs, one run per occurrence, and what was seen.

    Every day with claimable images gets one: the newest first, which people look at, then the
    oldest. Runs that are left go to days with more than `IMAGES_PER_RUN` images per run. The
    backlog begins with the oldest day; at most `max_runs` are in flight altogether.
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
        return [], "no image waits in the ledger"
    if not wanted:
        return [], f"{said}; runs in flight have them"
    if room <= 0:
        return [], f"{said}; {max_runs} runs are in flight, and no more may be"
    return wanted[:room], said
