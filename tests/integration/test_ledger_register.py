"""An image registered by several processes is one row, and a known one stays as it is."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from assets.catalog import ledger
from assets.catalog.records import Arrival
from assets.resources.warehouse import Warehouse
from assets.validation.reasons import Reason

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def some_arrival(**changes: Any) -> Arrival:
    told: dict[str, Any] = {
        "image_id": uuid4(),
        "arrived_at": NOW,
        "source": "bucket",
        "origin": "a bucket/a key?v1",
        "object_key": "a key",
        "object_version": "v1",
        "size_bytes": 5,
    }
    return Arrival(**told | changes)


@pytest.fixture
def register(platform):
    """Registers in a transaction of its own."""

    def registered(*arrivals: Arrival, now: datetime = NOW) -> int:
        with platform.warehouse.connect() as connection:
            return ledger.register(connection, arrivals, now, None)

    return registered


def test_every_field_of_an_arrival_is_in_its_row(platform, register):
    arrival = some_arrival(
        source="upload",
        declared_content_type="image/jpeg",
        filename="naïve\t\\N “photo”.jpg",
        uploader="shop",
        sha256=bytes(range(32)),
    )
    assert register(arrival) == 1
    [row] = platform.query(
        "select image_id, arrived_at, source, origin, object_key, object_version, size_bytes, "
        "declared_content_type, filename, uploader, sha256, state, finished_at "
        "from image_catalog.image"
    )
    assert row == (
        arrival.image_id,
        arrival.arrived_at,
        "upload",
        arrival.origin,
        arrival.object_key,
        arrival.object_version,
        5,
        "image/jpeg",
        arrival.filename,
        "shop",
        bytes(range(32)),
        "waiting",
        None,
    )


def test_an_image_that_is_rejected_on_arrival_is_finished_with_its_reason(platform, register):
    assert register(some_arrival(reason=Reason.TOO_LARGE, quarantine_key="there")) == 1
    assert platform.query(
        "select state, reason_code, quarantine_key, finished_at from image_catalog.image"
    ) == [("rejected", "too_large", "there", NOW)]


def test_a_known_image_is_left_as_it_is_even_if_it_seems_to_arrive_on_another_day(
    platform, register
):
    first = some_arrival()
    again = replace(first, arrived_at=NOW + timedelta(days=2), source="upload", origin="another")
    assert (register(first), register(again, some_arrival()), register(first)) == (1, 1, 0)
    assert platform.query(
        f"select arrived_at, source from image_catalog.image where image_id = '{first.image_id}'"
    ) == [(NOW, "bucket")]


def test_of_two_arrivals_of_one_image_in_a_batch_the_earlier_counts(platform, register):
    late = some_arrival(arrived_at=NOW + timedelta(seconds=1))
    assert register(late, replace(late, arrived_at=NOW), late) == 1
    assert platform.query("select arrived_at from image_catalog.image") == [(NOW,)]


def test_nothing_to_register_is_nothing_new(register):
    assert register() == 0


def test_the_landed_images_are_counted_as_they_are_inserted(platform, register):
    known = some_arrival()
    register(known)
    register(known, some_arrival(), some_arrival(arrived_at=NOW + timedelta(hours=1)))
    assert platform.query(
        "select arrived_hour, landed_count from image_catalog.arrival_count order by 1"
    ) == [(NOW, 2), (NOW + timedelta(hours=1), 1)]


def test_a_door_that_learns_of_an_image_meanwhile_waits_and_makes_no_second_row(platform, settings):
    arrival = some_arrival()
    notified = replace(arrival, arrived_at=NOW + timedelta(seconds=2))
    has_begun = threading.Event()

    def second_source() -> int:
        with Warehouse.from_settings(settings).connect() as connection:
            has_begun.set()
            return ledger.register(connection, [notified], NOW, None)

    with ThreadPoolExecutor(1) as threads:
        with platform.warehouse.connect() as connection:
            assert ledger.register(connection, [arrival], NOW, None) == 1
            second = threads.submit(second_source)
            assert has_begun.wait(30)
            _wait_for_a_lock(platform)
            assert not second.done()
        assert second.result(timeout=30) == 0
    assert platform.query("select arrived_at from image_catalog.image") == [(NOW,)]


def test_a_door_whose_transaction_fails_leaves_the_image_to_the_other(platform, settings, register):
    arrival = some_arrival()

    def killed_source() -> None:
        with platform.warehouse.connect() as connection:
            ledger.register(connection, [arrival], NOW, None)
            raise RuntimeError("the run is killed")

    with pytest.raises(RuntimeError, match="the run is killed"):
        killed_source()
    assert register(arrival) == 1


def test_many_doors_with_the_same_images_in_any_order_make_one_row_each(platform, settings):
    images = [some_arrival() for _ in range(40)]

    def register_again(number: int) -> int:
        later = timedelta(seconds=number)
        mine = [replace(one, arrived_at=NOW + later) for one in images[number:] + images[:number]]
        with Warehouse.from_settings(settings).connect() as connection:
            return ledger.register(connection, mine, NOW, None)

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(register_again, range(6))) == len(images)
    assert platform.query("select count(*), count(distinct image_id) from image_catalog.image") == [
        (len(images), len(images))
    ]


def _wait_for_a_lock(platform) -> None:
    """Waits until somebody waits for an advisory lock in this test's database."""
    waiting = (
        "select count(*) from pg_locks where locktype = 'advisory' and not granted "
        "and database = (select oid from pg_database where datname = current_database())"
    )
    for _ in range(1000):
        if platform.query(waiting) != [(0,)]:
            return
        threading.Event().wait(0.02)
    raise AssertionError("nobody waits for the image that is registered first")
