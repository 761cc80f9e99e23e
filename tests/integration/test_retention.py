"""The purge, with time moved instead of waited for."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Lock

import pytest

from assets.catalog.checks import balance
from assets.errors import ServerUnavailableError
from assets.resources.object_store import ObjectStore
from assets.retention import ledger_rows
from assets.retention.receipts import Copy, Tally
from assets.retention_policy import ImplausiblePurgeError
from tests.integration.bucket import with_settings
from tests.integration.retention_helpers import (
    REJECTED,
    fill,
    horizon,
    objects,
    problems,
    purge,
    receipts,
)
from tests.waiting import wait_until

SECOND = timedelta(seconds=1)


def after_the_purge_age(platform) -> datetime:
    """Still the day on which the images' own day is not over: they go one by one."""
    return datetime.now(UTC) + platform.settings.purge_age + SECOND


def when_their_day_is_over(platform) -> datetime:
    return datetime.now(UTC) + platform.settings.purge_age + timedelta(days=1, minutes=1)


def partitions(platform) -> int:
    [(found,)] = platform.query(
        "select count(*) from pg_inherits where inhparent = 'image_catalog.image'::regclass"
    )
    return found


def awaited_tables(platform) -> list[tuple]:
    return platform.query(
        "select relname from pg_locks inner join pg_class on pg_class.oid = relation "
        "inner join pg_database on pg_database.oid = database "
        "where not granted and datname = current_database()"
    )


def assert_nothing_is_left(platform) -> None:
    assert platform.states() == {}
    assert platform.query("select count(*) from image_catalog.rendition") == [(0,)]
    assert objects(platform) == 0


def assert_it_balances(platform) -> None:
    with platform.warehouse.connect() as connection:
        assert (balance(connection)["difference"] == 0).all()


def test_nothing_younger_than_the_purge_age_is_deleted(platform, pictures):
    fill(platform, pictures)
    before, kept = platform.states(), objects(platform)
    gone = purge(platform, datetime.now(UTC) + platform.settings.purge_age - timedelta(minutes=5))
    assert gone.items() == 0
    assert (platform.states(), objects(platform)) == (before, kept)


@pytest.mark.parametrize("when", [after_the_purge_age, when_their_day_is_over])
def test_after_the_purge_age_nothing_is_left_of_an_image(platform, pictures, when):
    images = fill(platform, pictures)
    gone = purge(platform, when(platform))
    assert_nothing_is_left(platform)
    assert gone.items(Copy.LEDGER_ROW) == gone.items(Copy.RAW_OBJECT) == images
    assert gone.items(Copy.QUARANTINED_OBJECT) == REJECTED
    assert gone.items(Copy.PROCESSED_OBJECT) == 2 * (images - REJECTED)


@pytest.mark.parametrize("when", [after_the_purge_age, when_their_day_is_over])
def test_what_was_purged_still_counts_in_the_balance(platform, pictures, when):
    images = fill(platform, pictures)
    purge(platform, when(platform))
    assert_it_balances(platform)
    [(purged,)] = platform.query("select sum(purged_count) from image_catalog.arrival_count")
    assert purged == images == sum(receipt.images for receipt in receipts(platform))


def test_a_day_that_is_over_is_dropped_as_a_whole(platform, pictures):
    fill(platform, pictures)
    before = partitions(platform)
    purge(platform, when_their_day_is_over(platform))
    assert partitions(platform) == before - 1


def test_a_day_that_is_not_over_keeps_its_partition(platform, pictures):
    fill(platform, pictures)
    before = partitions(platform)
    purge(platform, after_the_purge_age(platform))
    assert partitions(platform) == before


def test_a_day_that_holds_more_than_was_seen_is_not_dropped(platform, pictures):
    fill(platform, pictures)
    with platform.warehouse.connect() as connection:
        ledger_rows.advance_horizon(connection, datetime.now(UTC) + timedelta(days=2))
        seen = Tally()
        seen.add(Copy.LEDGER_ROW, datetime.now(UTC), items=3)
        assert not ledger_rows.drop_day(connection, datetime.now(UTC).date(), seen)
    assert sum(platform.states().values()) == len(pictures) + 3


def test_a_day_that_somebody_reads_all_the_time_is_emptied_and_dropped_by_the_next_purge(
    platform, pictures
):
    fill(platform, pictures)
    before = partitions(platform)
    with platform.warehouse.connect() as reader:
        reader.execute("select count(*) from image_catalog.image")
        purge(platform, when_their_day_is_over(platform))
    assert_nothing_is_left(platform)
    assert_it_balances(platform)
    assert partitions(platform) == before
    purge(platform, when_their_day_is_over(platform))
    assert partitions(platform) == before - 1


def test_readers_and_writers_go_on_while_a_day_is_waited_for_and_counted(platform, pictures):
    """A transaction that still writes the day's rows keeps the drop waiting, and nobody else."""
    fill(platform, pictures)
    day = datetime.now(UTC).date()
    with platform.warehouse.connect() as connection:
        ledger_rows.advance_horizon(connection, datetime.now(UTC) + timedelta(days=2))

    def drop() -> bool:
        with platform.warehouse.connect() as connection:
            return ledger_rows.drop_day(connection, day, Tally())

    with ThreadPoolExecutor(1) as thread, platform.warehouse.connect() as writer:
        writer.execute("update image_catalog.image set uploader = uploader")
        dropped = thread.submit(drop)
        wait_until(lambda: awaited_tables(platform), "the drop waits")
        assert awaited_tables(platform) == [(f"image_{day:%Y%m%d}",)]
        with platform.warehouse.connect() as other:
            other.execute("set local lock_timeout = '100ms'")
            other.execute("select count(*) from image_catalog.image")
            other.execute("select image_catalog.ensure_day(%s)", [day - timedelta(days=3)])
        assert not dropped.done()
        assert not dropped.result()


def test_images_of_a_purge_that_is_cut_short_are_hidden_and_go_with_the_next(platform, pictures):
    images = fill(platform, pictures)
    now = after_the_purge_age(platform)
    nowhere = platform.settings.model_copy(update={"aws_endpoint_url": "http://127.0.0.1:1"})
    unplugged = replace(platform, object_store=ObjectStore(nowhere))
    with pytest.raises(ServerUnavailableError, match="does not answer"):
        purge(unplugged, now)
    assert horizon(platform) == now - platform.settings.purge_age
    assert sum(platform.states().values()) == images
    purge(platform, now)
    assert_nothing_is_left(platform)


def test_what_was_deleted_before_a_purge_was_cut_short_has_its_receipt(platform, pictures):
    fill(platform, pictures)
    first = Lock()

    def crash(_: Tally) -> None:
        if first.acquire(blocking=False):
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        purge(platform, after_the_purge_age(platform), show=crash)
    [(purged,)] = platform.query("select sum(purged_count) from image_catalog.arrival_count")
    assert purged == sum(receipt.images for receipt in receipts(platform)) > 0


def test_a_second_purge_finds_nothing_and_says_so(platform, pictures):
    fill(platform, pictures)
    later = after_the_purge_age(platform)
    purge(platform, later)
    before = receipts(platform)
    assert purge(platform, later).items() == 0
    [last] = receipts(platform)[len(before) :]
    assert (last.images, last.gone) == (0, ())


def test_every_image_that_went_is_named_by_a_receipt(platform, pictures):
    fill(platform, pictures)
    images = [image for (image,) in platform.query("select image_id from image_catalog.image")]
    purge(platform, after_the_purge_age(platform))
    written = receipts(platform)
    assert problems(platform) == []
    assert all(any(receipt.names(image) for receipt in written) for image in images)


def test_receipts_tell_the_ages_of_what_went(platform, pictures):
    fill(platform, pictures)
    [(oldest, newest)] = platform.query(
        "select min(arrived_at), max(arrived_at) from image_catalog.image"
    )
    now = after_the_purge_age(platform)
    gone = purge(platform, now)
    told = gone.by_copy[Copy.LEDGER_ROW]
    assert (told.oldest_at, told.newest_at) == (oldest, newest)
    assert {receipt.expired_until for receipt in receipts(platform)} == {
        now - platform.settings.purge_age
    }


def test_an_implausible_share_is_left_alone_and_nothing_is_hidden(platform, pictures):
    fill(platform, pictures)
    careful = with_settings(platform, purge_free_images=5)
    before, until = platform.states(), horizon(platform)
    with pytest.raises(ImplausiblePurgeError, match="11 of 11 images are due, more than 50%"):
        purge(careful, when_their_day_is_over(platform))
    assert (platform.states(), horizon(platform)) == (before, until)


def test_an_implausible_share_goes_if_somebody_says_so(platform, pictures):
    fill(platform, pictures)
    careful = with_settings(platform, purge_free_images=5)
    purge(careful, when_their_day_is_over(platform), may_take_any_share=True)
    assert_nothing_is_left(platform)


def test_the_horizon_never_goes_back(platform):
    late, early = datetime.now(UTC), datetime.now(UTC) - timedelta(days=3)
    with platform.warehouse.connect() as connection:
        ledger_rows.advance_horizon(connection, late)
        ledger_rows.advance_horizon(connection, early)
    assert horizon(platform) == late


def test_a_row_that_vanishes_without_a_purge_makes_the_balance_red(platform, pictures):
    fill(platform, pictures)
    platform.query(
        "delete from image_catalog.image where image_id = "
        "(select image_id from image_catalog.image limit 1) returning 1"
    )
    with platform.warehouse.connect() as connection:
        assert balance(connection)["difference"].sum() == 1
