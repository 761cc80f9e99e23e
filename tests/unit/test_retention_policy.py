"""Seven days to the second: what is due."""

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.retention_policy import cutoff, is_due, is_plausible
from tests.unit.arrivals import NOON

AGE = timedelta(days=7)
SECOND = timedelta(seconds=1)

ages = st.timedeltas(SECOND, timedelta(days=7))
CLOCKS_CHANGE = datetime(2024, 10, 25, tzinfo=UTC)

moments = st.timedeltas(timedelta(days=-12_000), timedelta(days=25_000)).map(NOON.__add__)
moments |= st.timedeltas(timedelta(0), timedelta(days=15)).map(CLOCKS_CHANGE.__add__)
zones = st.timezones() | st.sampled_from(
    [ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe")]
)


def test_the_cutoff_is_the_age_before_now_to_the_second() -> None:
    assert cutoff(NOON, AGE) == datetime(2024, 5, 10, 12, 0, 0, tzinfo=UTC)


@pytest.mark.usefixtures("local_time_is_tokyo")
def test_the_cutoff_is_in_utc_wherever_the_machine_is() -> None:
    assert cutoff(NOON, AGE).utcoffset() == timedelta(0)


def test_at_its_age_exactly_an_image_is_due() -> None:
    assert is_due(NOON - AGE, NOON, AGE)


def test_a_microsecond_before_its_age_an_image_is_not_due() -> None:
    assert not is_due(NOON - AGE + timedelta(microseconds=1), NOON, AGE)


def test_a_second_past_its_age_an_image_is_due() -> None:
    assert is_due(NOON - AGE - SECOND, NOON, AGE)


def test_a_naive_now_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^now must be aware: pass a datetime with a time zone$"):
        cutoff(datetime(2024, 5, 17, 12), AGE)  # noqa: DTZ001


@pytest.mark.parametrize("age", [timedelta(0), -SECOND])
def test_an_age_that_is_not_positive_is_refused(age: timedelta) -> None:
    with pytest.raises(ValueError, match=r"^the retention age must be positive$"):
        cutoff(NOON, age)


@pytest.mark.parametrize(("due", "held"), [(0, 0), (0, 500), (100, 100), (101, 202), (250, 500)])
def test_up_to_half_of_all_images_may_go_and_a_hundred_whatever_their_share(
    due: int, held: int
) -> None:
    assert is_plausible(due, held, max_share=0.5, free=100)


@pytest.mark.parametrize(("due", "held"), [(101, 101), (101, 201), (251, 500)])
def test_more_than_half_of_all_images_is_implausible(due: int, held: int) -> None:
    assert not is_plausible(due, held, max_share=0.5, free=100)


@given(moments, moments, ages)
def test_nothing_younger_than_the_age_is_ever_due(
    arrived_at: datetime, now: datetime, age: timedelta
) -> None:
    assert is_due(arrived_at, now, age) == (now - arrived_at >= age)


@given(moments, ages, zones, zones)
def test_the_same_instant_in_any_zone_gives_the_same_answer(
    now: datetime, age: timedelta, zone: tzinfo, other: tzinfo
) -> None:
    for arrived_at in (now - age, now - age + SECOND):
        there = is_due(arrived_at.astimezone(other), now.astimezone(zone), age)
        assert there == is_due(arrived_at, now, age)


@given(moments, ages, zones)
def test_the_cutoff_of_an_instant_is_the_same_instant_in_any_zone(
    now: datetime, age: timedelta, zone: tzinfo
) -> None:
    assert cutoff(now.astimezone(zone), age).astimezone(UTC) == cutoff(now, age)


@pytest.mark.parametrize("changed_on", [datetime(2024, 3, 31, 12), datetime(2024, 10, 27, 12)])  # noqa: DTZ001
def test_the_change_of_clocks_makes_no_image_live_an_hour_more_or_less(
    changed_on: datetime,
) -> None:
    now = changed_on.replace(tzinfo=ZoneInfo("Europe/Berlin"))
    arrived_at = now.astimezone(UTC) - timedelta(days=1)
    assert is_due(arrived_at, now, timedelta(days=1))
    assert not is_due(arrived_at + SECOND, now, timedelta(days=1))
