"""Objects as arrivals: which are somebody's, and when the bucket is to be listed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from assets.images.progress import Sweep
from assets.images.registration import describe, is_somebodys, is_sweep_due
from tests.unit.arrivals import NOON, object_version, some_settings

SETTINGS = some_settings()
TEN_MINUTES = timedelta(minutes=10)
SECOND = timedelta(seconds=1)


def test_an_object_becomes_a_waiting_image_of_its_own_key_and_version() -> None:
    arrival = describe(object_version())
    told = (arrival.source, arrival.object_key, arrival.object_version, arrival.size_bytes)
    assert told == ("bucket", "holiday/beach.jpg", "v1", 5)


def test_an_object_arrived_when_it_was_stored() -> None:
    assert describe(object_version()).arrived_at == NOON


def test_the_next_version_of_a_key_is_another_image() -> None:
    assert describe(object_version()).image_id != describe(object_version(version="v2")).image_id


def test_an_object_told_of_again_with_another_time_is_the_same_image() -> None:
    """A listing tells whole seconds, a notification milliseconds."""
    later = object_version(modified_at=NOON + timedelta(milliseconds=120))
    assert describe(object_version()).image_id == describe(later).image_id


@pytest.mark.parametrize("key", ["beach.jpg", "notes.txt", "no-extension", "kafka/mine.jpg"])
def test_whatever_somebody_put_into_the_raw_bucket_is_somebodys(key: str) -> None:
    assert is_somebodys(object_version(key=key), SETTINGS)


def test_what_the_landing_put_there_is_not_somebodys() -> None:
    assert not is_somebodys(object_version(key="kafka/images/2024-05-17/1-42"), SETTINGS)


def test_an_object_of_another_bucket_is_not_somebodys() -> None:
    assert not is_somebodys(object_version(bucket="darkroom-processed"), SETTINGS)


def test_a_bucket_never_listed_is_due() -> None:
    assert is_sweep_due(Sweep(), NOON, TEN_MINUTES)


@pytest.mark.parametrize("completed_at", [None, NOON, NOON - TEN_MINUTES])
def test_a_listing_under_way_goes_on_whenever_the_last_one_ended(completed_at: object) -> None:
    assert is_sweep_due(Sweep("some/key", "v1", completed_at), NOON, TEN_MINUTES)  # type: ignore[arg-type]


def test_at_the_interval_exactly_a_listing_is_due() -> None:
    assert is_sweep_due(Sweep(completed_at=NOON - TEN_MINUTES), NOON, TEN_MINUTES)


def test_a_second_before_the_interval_no_listing_is_due() -> None:
    assert not is_sweep_due(Sweep(completed_at=NOON - TEN_MINUTES + SECOND), NOON, TEN_MINUTES)
