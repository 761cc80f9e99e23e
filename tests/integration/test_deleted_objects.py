"""Objects that their sender deletes before they are registered: no image, and soon no copy."""

import pytest

from assets.ingestion.bucket.audit import Audit
from assets.retention.image_buckets import GRACE, ImageBucket
from assets.retention.receipts import Copy
from tests.integration.bucket import NOW, due_again, keys_of_rows, not_due, put
from tests.integration.orphan_helpers import listed, purged


def remove(platform, key: str) -> None:
    """Deletes an object as `aws s3 rm` does: a delete marker hides it."""
    platform.object_store.s3.delete_object(Bucket=platform.settings.raw_bucket, Key=key)


@pytest.fixture(params=["notifications", "listing"])
def way(request, platform):
    """Prepares that a bucket's objects are found in one of two ways; returns how to register."""

    def register() -> None:
        if request.param == "notifications":
            not_due(platform)
        else:
            platform.forget_notifications()
            due_again(platform)
        platform.register()

    return register


def test_it_is_not_registered(platform, way):
    put(platform, "deleted.jpg")
    put(platform, "kept.jpg")
    remove(platform, "deleted.jpg")
    way()
    assert keys_of_rows(platform) == ["kept.jpg"]


def test_one_that_is_put_again_is_registered_as_it_is_then(platform, way):
    put(platform, "again.jpg")
    remove(platform, "again.jpg")
    version = put(platform, "again.jpg")
    way()
    found = platform.query("select object_version from image_catalog.image")
    assert (version,) in found


def test_one_that_is_deleted_after_it_was_registered_keeps_its_row(platform, way):
    put(platform, "late.jpg")
    way()
    remove(platform, "late.jpg")
    way()
    assert keys_of_rows(platform) == ["late.jpg"]


def test_the_next_purge_deletes_what_is_left_of_it(platform):
    put(platform, "deleted.jpg")
    put(platform, "waits.jpg")
    remove(platform, "deleted.jpg")
    platform.register()
    [left] = [one for one in listed(platform, ImageBucket.RAW) if one.key == "deleted.jpg"]
    assert purged(platform, left.modified_at + GRACE).items(Copy.ORPHAN_OBJECT) == 1
    assert [one.key for one in listed(platform, ImageBucket.RAW)] == ["waits.jpg"]


def test_no_check_takes_it_for_an_object_that_was_forgotten(platform):
    put(platform, "deleted.jpg")
    remove(platform, "deleted.jpg")
    platform.register()
    seen, _ = Audit(platform).run(NOW + 4 * GRACE, 60)
    assert seen.is_clean
