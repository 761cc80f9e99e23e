"""For which days processing runs are requested."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.catalog.records import DayBacklog
from assets.processing.run_requests import IMAGES_PER_RUN, days_to_process, runs_by_day

MONDAY = date(2024, 5, 13)
TUESDAY = MONDAY + timedelta(days=1)

days = st.dates(date(2024, 1, 1), date(2024, 1, 20))
backlogs = st.lists(
    st.builds(DayBacklog, days, st.integers(1, 500), st.integers(0, 500)).map(
        lambda day: DayBacklog(day.day, day.waiting, min(day.waiting, day.claimable))
    ),
    unique_by=lambda day: day.day,
).map(lambda backlog: sorted(backlog, key=lambda day: day.day))


def test_runs_in_flight_are_counted_by_their_partition_tags() -> None:
    tags = [{"dagster/partition": day, "other": "x"} for day in ("2024-05-13", "2024-05-14")]
    assert runs_by_day([*tags, tags[0]]) == {MONDAY: 2, TUESDAY: 1}


@pytest.mark.parametrize("tags", [{}, {"dagster/partition": ""}])
def test_a_run_without_a_partition_holds_no_day(tags: dict[str, str]) -> None:
    assert runs_by_day([tags]) == {}


def asked(*backlog: DayBacklog, runs: dict[date, int] | None = None, most: int = 2) -> list[date]:
    days, _ = days_to_process(backlog, runs or {}, most)
    return days


def test_a_day_with_claimable_images_and_no_run_is_asked_for() -> None:
    assert days_to_process([DayBacklog(MONDAY, 5, 5)], {}, 2) == (
        [MONDAY],
        "5 images wait on 1 days",
    )


def test_a_day_whose_run_is_in_flight_is_not_asked_for() -> None:
    backlog = DayBacklog(MONDAY, 5, 5), DayBacklog(TUESDAY, 1, 1)
    assert asked(*backlog, runs={MONDAY: 1}) == [TUESDAY]


def test_a_day_with_more_images_than_a_run_is_worth_gets_a_second_run() -> None:
    many = DayBacklog(MONDAY, IMAGES_PER_RUN + 1, IMAGES_PER_RUN + 1)
    assert asked(many) == [MONDAY, MONDAY]
    assert asked(many, runs={MONDAY: 1}) == [MONDAY]


def test_a_day_with_as_many_images_as_a_run_is_worth_gets_no_second_run() -> None:
    assert asked(DayBacklog(MONDAY, 2 * IMAGES_PER_RUN, IMAGES_PER_RUN)) == [MONDAY]


def test_no_more_runs_are_asked_for_than_may_be_in_flight() -> None:
    many = DayBacklog(MONDAY, 10**6, 10**6)
    assert asked(many, most=4) == [MONDAY] * 4
    assert asked(many, runs={MONDAY: 1, TUESDAY: 2}, most=4) == [MONDAY]


def test_images_that_find_no_room_are_waited_for() -> None:
    assert days_to_process([DayBacklog(MONDAY, 5, 5)], {TUESDAY: 2}, 2) == (
        [],
        "5 images wait on 1 days; 2 runs are in flight, and no more may be",
    )


def test_the_newest_day_comes_first_and_then_the_oldest() -> None:
    days_ = [DayBacklog(MONDAY + timedelta(days=number), 5, 5) for number in range(4)]
    expected = [MONDAY + timedelta(days=number) for number in (3, 0, 1)]
    assert asked(*days_, most=3) == expected


def test_every_day_gets_a_run_before_any_gets_a_second() -> None:
    many = DayBacklog(MONDAY, 10**6, 10**6)
    assert asked(many, DayBacklog(TUESDAY, 1, 1), most=3) == [TUESDAY, MONDAY, MONDAY]


def test_images_in_other_hands_are_waited_for() -> None:
    assert days_to_process([DayBacklog(MONDAY, 5, 0)], {}, 2) == (
        [],
        "5 images wait on 1 days; runs in flight have them",
    )


def test_nothing_waiting_says_where_it_looked() -> None:
    assert days_to_process([], {}, 2) == ([], "no image waits in the ledger")


in_flight = st.dictionaries(days, st.integers(1, 3))


@given(backlogs, in_flight, st.integers(1, 9))
def test_every_day_asked_for_has_images_in_nobodys_hands(
    backlog: list[DayBacklog], runs: dict[date, int], most: int
) -> None:
    assert set(asked(*backlog, runs=runs, most=most)) <= {d.day for d in backlog if d.claimable}


@given(backlogs, in_flight, st.integers(1, 9))
def test_a_tick_never_asks_for_more_than_there_is_room_for(
    backlog: list[DayBacklog], runs: dict[date, int], most: int
) -> None:
    room = max(0, most - sum(runs.values()))
    assert len(asked(*backlog, runs=runs, most=most)) <= room


@given(backlogs, st.integers(1, 9))
def test_where_nothing_is_in_flight_something_is_asked_for_if_anything_is_claimable(
    backlog: list[DayBacklog], most: int
) -> None:
    assert bool(asked(*backlog, most=most)) == any(day.claimable for day in backlog)
