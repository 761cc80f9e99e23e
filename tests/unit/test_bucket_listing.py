"""The listing's slices: when one is due, which hours come first, where the next page begins."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.ingestion.bucket.listing import Sweep, next_position, recent_folders
from assets.ingestion.registry import hourly_folders
from assets.ingestion.upload.source import upload_key
from assets.resources.objects import ListingPage, ObjectVersion
from tests.unit.arrivals import NOON, object_version, some_settings
from tests.unit.test_identity import AN_ID

TEN_MINUTES = timedelta(minutes=10)
SECOND = timedelta(seconds=1)

version_places = st.tuples(st.text(st.characters(codec="utf-8"), min_size=1), st.integers(0, 9))


def test_a_bucket_never_listed_is_due() -> None:
    assert Sweep().is_due(NOON, TEN_MINUTES)


def test_a_first_slice_that_was_killed_is_due_at_once() -> None:
    assert Sweep("some/key").is_due(NOON, TEN_MINUTES)


@pytest.mark.parametrize("resume_key", [None, "some/key"])
def test_at_the_interval_exactly_a_slice_is_due_and_a_second_before_it_is_not(
    resume_key: str | None,
) -> None:
    """Whether or not the sweep is under way: slices that follow at once would have no bound."""
    sweep = Sweep(resume_key, listed_at=NOON)
    assert sweep.is_due(NOON + TEN_MINUTES, TEN_MINUTES)
    assert not sweep.is_due(NOON + TEN_MINUTES - SECOND, TEN_MINUTES)


def test_the_last_three_hours_are_listed_newest_first() -> None:
    assert recent_folders(["upload", "drop"], datetime(2024, 3, 1, 1, 30, tzinfo=UTC)) == [
        "upload/2024-03-01/01/",
        "drop/2024-03-01/01/",
        "upload/2024-03-01/00/",
        "drop/2024-03-01/00/",
        "upload/2024-02-29/23/",
        "drop/2024-02-29/23/",
    ]


@given(
    st.timedeltas(timedelta(0), timedelta(days=10_000)),
    st.timedeltas(timedelta(0), timedelta(hours=2)),
    st.integers(-14, 14),
)
def test_an_upload_of_the_last_two_hours_is_in_a_recent_folder(
    since: timedelta, ago: timedelta, zone: int
) -> None:
    now = (NOON + since).astimezone(timezone(timedelta(hours=zone)))
    key = upload_key(AN_ID, now - ago)
    folders = recent_folders(["upload"], now)
    assert key.startswith(tuple(folders))


@pytest.mark.parametrize("told", ["upload,drop", " upload , drop ", "upload/,/drop/,"])
def test_hourly_folders_are_told_with_commas_between_them(told: str) -> None:
    assert some_settings(hourly_prefixes=told).hourly_folders == ("upload", "drop")


def test_there_may_be_no_hourly_folders() -> None:
    assert some_settings(hourly_prefixes=",").hourly_folders == ()


def test_unless_told_otherwise_the_hourly_folders_are_those_of_the_sources() -> None:
    assert some_settings().hourly_folders is None
    assert hourly_folders() == ("drop", "upload")


def page(found: list[ObjectVersion], next_key: str | None, next_version: str | None) -> ListingPage:
    return ListingPage(tuple(found[::2]), tuple(found[1::2]), next_key, next_version)


def test_behind_the_last_page_there_is_nothing() -> None:
    assert next_position(page([object_version()], None, None)) == (None, None)


def test_a_key_that_a_page_may_have_cut_is_listed_again() -> None:
    found = [object_version(key="a"), object_version(key="b"), object_version(key="b", version="0")]
    assert next_position(page(found, "b", "0")) == ("a", None)


def test_in_a_page_of_one_key_the_version_tells_where_to_go_on() -> None:
    found = [object_version(key="a", version=str(number)) for number in range(3)]
    assert next_position(page(found, "a", "2")) == ("a", "2")


@given(st.lists(version_places, min_size=1, max_size=40, unique=True), st.integers(1, 5))
def test_every_version_is_on_a_page_however_the_bucket_is_cut(
    places: list[tuple[str, int]], size: int
) -> None:
    """Against a listing by the rules of S3: keys by their UTF-8 bytes, versions within them."""
    places = sorted(places, key=lambda place: (place[0].encode(), place[1]))
    seen: set[tuple[str, int]] = set()
    key: str | None = None
    version: str | None = None
    for _ in range(len(places) * 2):
        rest = [place for place in places if _is_behind(place, key, version)]
        cut = rest[:size]
        seen.update(cut)
        found = [object_version(key=name, version=str(number)) for name, number in cut]
        is_truncated = len(rest) > size
        last = (cut[-1][0], str(cut[-1][1])) if is_truncated else (None, None)
        key, version = next_position(page(found, *last))
        if key is None:
            break
    assert (seen, key) == (set(places), None)


def _is_behind(place: tuple[str, int], key: str | None, version: str | None) -> bool:
    if key is None:
        return True
    if place[0] == key:
        return version is not None and place[1] > int(version)
    return place[0].encode() > key.encode()
