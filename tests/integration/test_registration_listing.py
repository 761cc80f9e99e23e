"""The listing finds what no notification announced, in slices, and survives being killed."""

import time
from datetime import timedelta

import pytest

from assets.ingestion.bucket import registration
from assets.ingestion.bucket.listing import Sweep
from assets.resources.object_store import ObjectStore
from tests.integration.bucket import (
    NOW,
    due_again,
    keys_of_rows,
    read_sweep,
    set_sweep,
    with_settings,
)


@pytest.fixture
def small_pages(monkeypatch):
    """Pages of two versions, so that a bucket of a few has several."""
    page_of_versions = ObjectStore.page_of_versions

    def two(store, bucket, key, version, limit=2, prefix=""):
        return page_of_versions(store, bucket, key, version, limit, prefix)

    monkeypatch.setattr(ObjectStore, "page_of_versions", two)


@pytest.fixture
def at_now(monkeypatch):
    """Registration at `NOW`, in whichever hour the test itself runs."""
    monkeypatch.setattr(registration, "utc_now", lambda: NOW)


def test_the_listing_is_not_repeated_before_it_is_due(platform):
    platform.register()
    platform.drop("quiet.jpg", b"x")
    platform.forget_notifications()
    assert platform.register().listed == 0


def test_a_listing_goes_on_where_the_last_one_stopped(platform):
    platform.drop("a.jpg", b"x")
    platform.drop("b.jpg", b"x")
    platform.forget_notifications()
    set_sweep(platform, Sweep("a.jpg"))
    assert platform.register().listed == 1
    assert keys_of_rows(platform) == ["b.jpg"]


def test_what_is_put_behind_the_listings_position_is_found_by_the_next_sweep(platform):
    platform.drop("a.jpg", b"x")
    platform.drop("b.jpg", b"x")
    platform.forget_notifications()
    set_sweep(platform, Sweep("a.jpg"))
    platform.register()
    due_again(platform)
    platform.register()
    assert sorted(keys_of_rows(platform)) == ["a.jpg", "b.jpg"]


def test_a_slice_has_as_many_pages_as_it_may_and_the_next_goes_on_when_due(platform, small_pages):
    bounded = with_settings(platform, sweep_pages=2, hourly_prefixes="")
    for number in range(9):
        platform.drop(f"{number}.jpg", b"x")
    platform.forget_notifications()
    first = bounded.register()
    assert (first.listed, read_sweep(platform).completed_at) == (4, None)
    assert bounded.register().listed == 0
    sweeps = 1
    while read_sweep(platform).completed_at is None:
        due_again(platform)
        assert 0 < bounded.register().listed <= 4
        sweeps += 1
    assert sweeps > 3
    assert len(keys_of_rows(platform)) == 9


def test_a_key_with_more_versions_than_a_slice_is_listed_to_its_end(platform, small_pages):
    bounded = with_settings(platform, sweep_pages=1, hourly_prefixes="")
    for _ in range(5):
        platform.drop("same.jpg", b"x")
    platform.drop("z.jpg", b"x")
    platform.forget_notifications()
    while read_sweep(platform).completed_at is None:
        due_again(platform)
        bounded.register()
    assert sorted(keys_of_rows(platform)) == ["same.jpg"] * 5 + ["z.jpg"]


def test_the_last_hours_are_listed_before_the_sweep_gets_there(platform, small_pages, at_now):
    bounded = with_settings(platform, sweep_pages=1)
    folders = [f"{NOW - timedelta(hours=back):%Y-%m-%d/%H}" for back in range(4)]
    for folder in folders:
        platform.drop(f"drop/{folder}/new.jpg", b"x")
    for number in range(6):
        platform.drop(f"a/{number}.jpg", b"x")
    platform.forget_notifications()
    bounded.register()
    found = set(keys_of_rows(platform))
    assert {f"drop/{folder}/new.jpg" for folder in folders[1:3]} <= found
    assert f"drop/{folders[3]}/new.jpg" not in found


def test_an_hour_with_very_many_objects_costs_no_more_than_its_share(platform, small_pages, at_now):
    bounded = with_settings(platform, sweep_pages=6, hourly_prefixes="drop")
    for number in range(20):
        platform.drop(f"drop/{NOW:%Y-%m-%d/%H}/{number:02}.jpg", b"x")
    platform.forget_notifications()
    set_sweep(platform, Sweep("z"))
    assert bounded.register().listed == 4


@pytest.mark.parametrize("moment", ["before the commit", "after the commit"])
def test_a_listing_killed_anywhere_loses_and_doubles_nothing(
    platform, small_pages, monkeypatch, moment
):
    bounded = with_settings(platform, hourly_prefixes="")
    for number in range(7):
        platform.drop(f"{number}.jpg", b"x")
    platform.forget_notifications()
    write_sweep, pages = registration.write_sweep, []

    def write_then_crash(connection, bucket, sweep):
        write_sweep(connection, bucket, sweep)
        pages.append(sweep)
        if len(pages) == 2:
            if moment == "after the commit":
                connection.commit()
            raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(registration, "write_sweep", write_then_crash)
        with pytest.raises(RuntimeError, match="killed"):
            bounded.register()
    left = read_sweep(platform)
    assert left.listed_at is None
    assert left.resume_key == pages[1 if moment == "after the commit" else 0].resume_key
    bounded.register()
    assert sorted(keys_of_rows(platform)) == [f"{number}.jpg" for number in range(7)]


def test_a_slice_that_is_due_while_a_long_run_goes_on_is_listed_by_it(platform):
    seconds = {"sweep_interval_seconds": 0.5, "run_linger_seconds": 3, "run_budget_seconds": 3}
    restless = with_settings(platform, **seconds)
    platform.drop("quiet.jpg", b"x")
    platform.forget_notifications()
    assert restless.register().listed > 1


def test_a_queue_that_answers_slowly_does_not_hold_up_the_listing(
    platform, small_pages, monkeypatch
):
    acknowledge = ObjectStore.acknowledge

    def acknowledge_slowly(*arguments):
        time.sleep(1.0)
        acknowledge(*arguments)

    monkeypatch.setattr(ObjectStore, "acknowledge", acknowledge_slowly)
    for number in range(9):
        platform.drop(f"{number}.jpg", b"x")
    hurried = with_settings(platform, run_budget_seconds=0.5, hourly_prefixes="")
    assert hurried.register().listed > 2
