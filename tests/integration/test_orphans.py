"""The purge of orphans deletes what nothing needs, and nothing else; time is passed in."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Event
from uuid import uuid4

import pytest

from assets.catalog import identity
from assets.errors import ServerRefusedError
from assets.ingestion.upload.source import upload_key
from assets.resources.object_store import pages_of_uploads
from assets.retention.image_buckets import GRACE, ImageBucket, list_bucket
from assets.retention.orphans import MAX_UPLOAD_DURATION, OrphanPurge
from assets.retention.receipts import Copy, Tally
from assets.retention.throttle import DeletionThrottle
from assets.retention_policy import ImplausiblePurgeError
from tests.integration.bucket import NOW, put, put_upload, with_settings
from tests.integration.orphan_helpers import (
    HASH,
    SECOND,
    erase,
    everything,
    lease,
    listed,
    markers,
    name_rendition,
    orphans,
    purged,
    put_in,
    put_rendition,
    waiting_image,
)
from tests.integration.retention_helpers import fill

HOUR = timedelta(hours=1)


def test_nothing_that_a_row_names_goes(platform, pictures):
    fill(platform, pictures, letter="own.jpg")
    before = everything(platform)
    assert purged(platform, NOW + 6 * 24 * HOUR).gone == ()
    assert everything(platform) == before


def test_an_object_that_no_row_names_goes_after_the_grace_exactly(platform):
    found = put_rendition(platform)
    assert purged(platform, found.modified_at + GRACE - SECOND).gone == ()
    assert purged(platform, found.modified_at + GRACE).items(Copy.ORPHAN_OBJECT) == 1
    assert listed(platform, ImageBucket.PROCESSED) == []


@pytest.mark.parametrize("bucket", [ImageBucket.PROCESSED, ImageBucket.QUARANTINE])
@pytest.mark.parametrize("key", ["thumbs.db", "2026-13-45/nobody", "a/../b", "é 😀"])
def test_an_object_under_a_foreign_key_goes(platform, bucket, key):
    found = put_in(platform, bucket, key)
    assert purged(platform, found.modified_at + GRACE).items(Copy.ORPHAN_OBJECT) == 1
    assert markers(platform, bucket) == []


def test_a_replaced_object_is_left_to_the_processing(platform):
    found = put_rendition(platform)
    platform.query(
        "insert into image_catalog.replaced_object (object_key, image_id, recipe_hash) "
        f"values ('{found.key}', '{found.key.split('/')[1]}', '{HASH}') returning 1"
    )
    assert purged(platform, found.modified_at + HOUR).gone == ()


def test_the_tally_tells_how_many_how_large_and_from_when(platform):
    first, second = put_rendition(platform), put_rendition(platform)
    [gone] = purged(platform, second.modified_at + HOUR).gone
    assert (gone.copy, gone.items, gone.size_bytes) == (Copy.ORPHAN_OBJECT, 2, 2)
    assert (gone.oldest_at, gone.newest_at) == (first.modified_at, second.modified_at)


def test_the_copy_that_a_killed_landing_left_goes(platform, pictures):
    platform.produce([pictures[0].body])
    platform.land()
    [(key, version)] = platform.query("select object_key, object_version from image_catalog.image")
    copy = put(platform, key, pictures[0].body)
    stored_at = max(found.modified_at for found in listed(platform, ImageBucket.RAW))
    assert purged(platform, stored_at + GRACE - SECOND).gone == ()
    assert purged(platform, stored_at + GRACE).items(Copy.ORPHAN_OBJECT) == 1
    assert copy != version
    assert [found.version for found in listed(platform, ImageBucket.RAW)] == [version]


def test_the_copy_that_a_repeated_upload_left_under_another_hour_goes(platform):
    image = uuid4()
    put_upload(platform, upload_key(image, NOW))
    platform.register()
    put_upload(platform, upload_key(image, NOW - HOUR))
    assert purged(platform, NOW + HOUR).items(Copy.ORPHAN_OBJECT) == 1
    assert [found.key for found in listed(platform, ImageBucket.RAW)] == [upload_key(image, NOW)]


def test_a_drop_under_the_key_of_another_days_message_is_no_copy(platform, pictures):
    platform.produce([pictures[0].body])
    platform.land()
    [(key,)] = platform.query("select object_key from image_catalog.image")
    put(platform, key.replace(f"{datetime.now(UTC).date()}", "2020-02-02"))
    assert purged(platform, NOW + HOUR).gone == ()


def test_versions_of_an_overwritten_drop_are_images_each(platform):
    platform.drop("own.jpg", b"x")
    platform.drop("own.jpg", b"y")
    platform.register()
    assert purged(platform, NOW + HOUR).gone == ()
    assert len(listed(platform, ImageBucket.RAW)) == 2


def test_a_drop_that_nobody_has_registered_goes_at_the_purge_age_exactly(platform):
    found = put_in(platform, ImageBucket.RAW, "lost.jpg")
    due = found.modified_at + platform.settings.purge_age
    assert purged(platform, due - SECOND).gone == ()
    assert purged(platform, due).items(Copy.ORPHAN_OBJECT) == 1


def test_what_is_left_of_an_erased_image_goes_at_once_from_every_bucket(platform):
    image = uuid4()
    put_upload(platform, upload_key(image, NOW))
    put_in(platform, ImageBucket.QUARANTINE, identity.quarantine_key(image, NOW))
    found = put_rendition(platform, image)
    erase(platform, image)
    assert purged(platform, found.modified_at).items(Copy.ORPHAN_OBJECT) == 3
    assert everything(platform) == set()


def test_an_object_that_a_row_names_by_now_lives_though_a_listing_took_it_for_an_orphan(platform):
    image = waiting_image(platform)
    found = put_rendition(platform, image)
    purge = orphans(platform, found.modified_at + HOUR)
    name_rendition(platform, image, found.key)
    assert purge.delete_if_orphans(ImageBucket.PROCESSED, [found]).gone == ()
    assert listed(platform, ImageBucket.PROCESSED) == [found]


def test_an_object_that_was_stored_again_after_it_was_listed_lives(platform):
    found = put_rendition(platform)
    as_listed = replace(found, modified_at=found.modified_at - HOUR)
    purge = orphans(platform, found.modified_at + HOUR)
    assert purge.delete_if_orphans(ImageBucket.PROCESSED, [as_listed]).gone == ()
    assert listed(platform, ImageBucket.PROCESSED) == [found]


def test_an_object_that_is_gone_by_now_counts_for_nothing(platform):
    found = put_rendition(platform)
    platform.object_store.delete(found.bucket, [(found.key, None)])
    purge = orphans(platform, found.modified_at + HOUR)
    assert purge.delete_if_orphans(ImageBucket.PROCESSED, [found]).gone == ()


def test_what_a_run_has_stored_for_an_image_that_it_holds_is_left(platform):
    image = waiting_image(platform)
    found = put_rendition(platform, image)
    lease(platform, image, HOUR)
    assert purged(platform, found.modified_at + HOUR).gone == ()
    purge = orphans(platform, found.modified_at + HOUR)
    assert purge.delete_if_orphans(ImageBucket.PROCESSED, [found]).gone == ()


def test_a_run_whose_lease_is_over_cannot_finish_with_what_has_gone(platform):
    image = waiting_image(platform)
    found = put_rendition(platform, image)
    lease(platform, image, -HOUR)
    assert purged(platform, found.modified_at + HOUR).items(Copy.ORPHAN_OBJECT) == 1
    assert platform.query("select claimed_by from image_catalog.image") == [(None,)]


def test_a_purge_beside_runs_that_process_takes_nothing_from_them(platform, pictures):
    for number, picture in enumerate(pictures):
        platform.drop(f"{number}.jpg", picture.body)
        platform.drop(f"{number}.txt", b"Dear colleagues")
    platform.register()
    is_done, gone = Event(), []

    def keep_purging() -> None:
        while not is_done.is_set():
            gone.append(purged(platform, NOW + HOUR).items())

    with ThreadPoolExecutor(1) as threads:
        purging = threads.submit(keep_purging)
        platform.process()
        is_done.set()
        purging.result()
    assert sum(gone) == 0
    assert len(listed(platform, ImageBucket.PROCESSED)) == 2 * len(pictures)
    assert len(listed(platform, ImageBucket.QUARANTINE)) == len(pictures)


def test_an_image_that_another_transaction_holds_is_left_and_not_waited_for(platform):
    image = waiting_image(platform)
    found = put_rendition(platform, image)
    with platform.warehouse.connect() as other:
        other.execute("select from image_catalog.image where image_id = %s for update", [image])
        assert purged(platform, found.modified_at + HOUR).gone == ()
    assert purged(platform, found.modified_at + HOUR).items(Copy.ORPHAN_OBJECT) == 1


def test_an_image_that_is_just_becoming_known_is_left_and_not_waited_for(platform):
    image = uuid4()
    found = put_in(platform, ImageBucket.QUARANTINE, identity.quarantine_key(image, NOW))
    with platform.warehouse.connect() as other:
        other.execute("select pg_advisory_xact_lock(uuid_hash_extended(%s, 0))", [image])
        assert purged(platform, found.modified_at + HOUR).gone == ()
    assert purged(platform, found.modified_at + HOUR).items(Copy.ORPHAN_OBJECT) == 1


def test_a_listing_that_fails_deletes_nothing(platform):
    found = put_in(platform, ImageBucket.QUARANTINE, "orphan")
    broken = with_settings(platform, processed_bucket="no-such-bucket")
    with pytest.raises(ServerRefusedError):
        purged(broken, found.modified_at + HOUR)
    assert listed(platform, ImageBucket.QUARANTINE) == [found]


def test_where_an_implausible_share_belongs_to_no_row_nothing_goes_until_somebody_has_looked(
    platform,
):
    found = put_rendition(platform)
    careful = with_settings(platform, purge_free_images=0)
    with pytest.raises(ImplausiblePurgeError, match="1 of 1 objects in the processed bucket"):
        purged(careful, found.modified_at + HOUR)
    assert listed(platform, ImageBucket.PROCESSED) == [found]


def test_an_operator_can_allow_any_share(platform):
    found = put_rendition(platform)
    careful = with_settings(platform, purge_free_images=0)
    purged(careful, found.modified_at + HOUR, may_take_any_share=True)
    assert listed(platform, ImageBucket.PROCESSED) == []


def test_erased_and_expired_objects_are_plausible_however_many(platform):
    image = uuid4()
    found = put_rendition(platform, image)
    erase(platform, image)
    put_in(platform, ImageBucket.QUARANTINE, f"2020-02-02/{uuid4()}")
    careful = with_settings(platform, purge_free_images=0)
    assert purged(careful, found.modified_at).items() == 2


def test_a_copy_of_a_day_that_is_over_goes_whatever_was_put_there_later(platform):
    key = identity.quarantine_key(uuid4(), NOW - timedelta(days=30))
    put_in(platform, ImageBucket.QUARANTINE, key)
    assert purged(platform, datetime.now(UTC)).items(Copy.ORPHAN_OBJECT) == 1


def test_a_delete_marker_goes_at_the_purge_age_exactly(platform):
    platform.drop("own.jpg", b"x")
    platform.register()
    platform.object_store.delete(platform.settings.raw_bucket, [("own.jpg", None)])
    [marker] = markers(platform, ImageBucket.RAW)
    due = marker.modified_at + platform.settings.purge_age
    assert purged(platform, due - SECOND).gone == ()
    assert purged(platform, due).items(Copy.DELETE_MARKER) == 1
    assert (markers(platform, ImageBucket.RAW), len(listed(platform, ImageBucket.RAW))) == ([], 1)


def test_a_log_goes_at_the_purge_age_exactly(platform):
    bucket = platform.settings.logs_bucket
    platform.object_store.put(bucket, "run/compute.err", b"words", "text/plain")
    [page] = platform.object_store.pages_of_versions(bucket)
    due = page.versions[0].modified_at + platform.settings.purge_age
    assert purged(platform, due - SECOND).gone == ()
    assert purged(platform, due).items(Copy.LOG_OBJECT) == 1
    assert platform.keys(bucket) == set()


def test_an_unfinished_upload_is_aborted_after_a_day_exactly(platform):
    bucket = platform.settings.raw_bucket
    platform.object_store.s3.create_multipart_upload(Bucket=bucket, Key="large.tif")
    [[upload]] = pages_of_uploads(platform.object_store, bucket)
    due = upload.began_at + MAX_UPLOAD_DURATION
    assert purged(platform, due - SECOND).gone == ()
    assert purged(platform, due).items(Copy.UNFINISHED_UPLOAD) == 1
    assert list(pages_of_uploads(platform.object_store, bucket)) == [()]


def test_unfinished_uploads_are_listed_page_by_page(platform):
    bucket = platform.settings.raw_bucket
    for number in range(5):
        platform.object_store.s3.create_multipart_upload(Bucket=bucket, Key=f"{number // 2}.tif")
    pages = list(pages_of_uploads(platform.object_store, bucket, limit=2))
    assert [len(page) for page in pages] == [2, 2, 1]
    assert len({upload.upload_id for page in pages for upload in page}) == 5


def test_orphans_are_deleted_under_the_throttle(platform):
    now = max(put_rendition(platform).modified_at for _ in range(3)) + HOUR
    pauses, tally = [], Tally()
    landed = itertools.count()
    throttle = DeletionThrottle(0.5, lambda: next(landed), sleep=pauses.append)
    OrphanPurge(platform, now, throttle).run(tally)
    assert (tally.items(Copy.ORPHAN_OBJECT), len(pauses)) == (3, 1)


@pytest.mark.parametrize("limit", [2, 3, 1000])
def test_a_listing_sees_every_version_once_though_they_are_deleted_behind_it(platform, limit):
    for number in range(7):
        platform.drop(f"{number // 2}.jpg", b"x")
    seen = []
    for page in list_bucket(platform.object_store, platform.settings.raw_bucket, limit):
        found = [(one.key, one.version) for one in page.versions]
        platform.object_store.delete(platform.settings.raw_bucket, found)
        seen += found
    assert len(seen) == len(set(seen)) == 7
    assert listed(platform, ImageBucket.RAW) == []
