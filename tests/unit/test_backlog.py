"""What sensors decide from numbers: how much waits, which days are asked for."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.images.backlog import DAYS_PER_TICK, Ask, Wait, days_in_flight, days_to_process, lag
from assets.images.records import DayBacklog

MONDAY = date(2024, 5, 13)
TUESDAY = MONDAY + timedelta(days=1)

offsets = st.integers(0, 10**9)
days = st.dates(date(2024, 1, 1), date(2024, 1, 20))
backlogs = st.lists(
    st.builds(DayBacklog, days, st.integers(1, 500), st.integers(0, 500)).map(
        lambda day: DayBacklog(day.day, day.waiting, min(day.waiting, day.claimable))
    ),
    unique_by=lambda day: day.day,
).map(lambda backlog: sorted(backlog, key=lambda day: day.day))


def test_messages_behind_the_landed_offset_wait() -> None:
    assert lag({0: 10, 1: 4}, {0: (7, 7), 1: (4, 4)}) == 3


def test_all_messages_of_a_partition_never_read_wait() -> None:
    assert lag({0: 10, 1: 5}, {0: (10, 10)}) == 5


def test_a_listed_end_that_is_too_low_is_made_good_by_the_high_watermark_of_a_fetch() -> None:
    assert lag({0: 11}, {0: (11, 20)}) == 9


def test_a_listed_end_below_what_has_landed_takes_nothing_from_other_partitions() -> None:
    assert lag({0: 3, 1: 5}, {0: (10, 10), 1: (4, 4)}) == 1


def test_a_topic_without_messages_has_no_lag() -> None:
    assert lag({0: 0, 1: 0}, {}) == 0


@given(st.dictionaries(st.integers(0, 5), offsets))
def test_what_has_landed_to_the_end_does_not_wait(ends: dict[int, int]) -> None:
    assert lag(ends, {partition: (end, end) for partition, end in ends.items()}) == 0


@given(
    st.dictionaries(st.integers(0, 5), offsets),
    st.dictionaries(st.integers(0, 5), st.tuples(offsets, offsets)),
)
def test_news_are_never_overlooked(
    ends: dict[int, int], stored: dict[int, tuple[int, int]]
) -> None:
    has_news = any(end > stored.get(partition, (0, 0))[0] for partition, end in ends.items())
    assert lag(ends, stored) > 0 or not has_news


def test_days_in_flight_are_read_from_the_partition_tags_of_runs() -> None:
    tags = [{"dagster/partition": "2024-05-13", "other": "x"}, {"dagster/partition": "2024-05-14"}]
    assert days_in_flight(tags) == {MONDAY, TUESDAY}


@pytest.mark.parametrize("tags", [{}, {"dagster/partition": ""}])
def test_a_run_without_a_partition_holds_no_day(tags: dict[str, str]) -> None:
    assert days_in_flight([tags]) == frozenset()


def test_a_day_with_claimable_images_and_no_run_is_asked_for() -> None:
    assert days_to_process([DayBacklog(MONDAY, 5, 5)], frozenset()) == Ask(
        (MONDAY,), "5 images wait on 1 days"
    )


def test_a_day_whose_run_is_in_flight_is_not_asked_for() -> None:
    asked = days_to_process(
        [DayBacklog(MONDAY, 5, 5), DayBacklog(TUESDAY, 1, 1)], frozenset({MONDAY})
    )
    assert isinstance(asked, Ask)
    assert asked.days == (TUESDAY,)


def test_images_in_other_hands_are_waited_for() -> None:
    assert days_to_process([DayBacklog(MONDAY, 5, 0)], frozenset()) == Wait(
        "5 images wait; runs in flight have them"
    )


def test_nothing_waiting_says_where_it_looked() -> None:
    assert days_to_process([], frozenset()) == Wait("no image waits in the ledger")


@given(backlogs, st.frozensets(days))
def test_every_day_asked_for_waits_and_is_in_nobodys_hands(
    backlog: list[DayBacklog], busy: frozenset[date]
) -> None:
    decision = days_to_process(backlog, busy)
    asked = set(decision.days) if isinstance(decision, Ask) else set()
    assert asked <= {day.day for day in backlog if day.claimable} - busy


@given(backlogs, st.frozensets(days))
def test_a_tick_asks_for_the_oldest_days_and_a_bounded_number(
    backlog: list[DayBacklog], busy: frozenset[date]
) -> None:
    decision = days_to_process(backlog, busy)
    free = [day.day for day in backlog if day.claimable and day.day not in busy]
    asked = decision.days if isinstance(decision, Ask) else ()
    assert asked == tuple(sorted(free)[:DAYS_PER_TICK])
