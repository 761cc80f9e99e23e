"""The checks of retention on a real platform: green when all is well, red for each thing amiss."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import uuid4

import dagster as dg
import pytest

from assets.catalog import identity
from assets.errors import ServerRefusedError
from assets.retention import clocks
from assets.retention.checks import (
    AGES,
    OBJECTS,
    ROWS,
    inventory_of_all_copies,
    receipts_chain_is_intact,
    the_clocks_agree_to_a_minute,
)
from assets.retention.image_buckets import GRACE, ImageBucket
from assets.retention.inventory import MESSAGE, Comparison, Inventory, Oldest
from assets.retention.ledger_references import read_references
from assets.retention.ledger_rows import WITHDRAWN_ROW
from assets.retention.purge import Purge
from assets.retention.receipts import Copy
from tests.integration.bucket import NOW, with_settings
from tests.integration.orphan_helpers import (
    SECOND,
    lease,
    listed,
    put_in,
    put_rendition,
    waiting_image,
)
from tests.integration.retention_helpers import fill

HOUR = timedelta(hours=1)


def inventory(platform, now=NOW + HOUR) -> tuple[dict[ImageBucket, Comparison], Oldest]:
    return Inventory(platform, now).take()


def differing(platform, now=NOW + HOUR) -> dict[str, tuple[int, int]]:
    """Missing and unknown objects of the buckets that have any."""
    compared, _ = inventory(platform, now)
    found = {bucket.value: (one.missing, one.unknown) for bucket, one in compared.items()}
    return {bucket: counts for bucket, counts in found.items() if any(counts)}


def checked(platform) -> dict[str, dg.AssetCheckResult]:
    with dg.DagsterInstance.ephemeral() as instance:
        results: Iterable[dg.AssetCheckResult] = inventory_of_all_copies(
            dg.build_asset_check_context(instance=instance),
            platform=platform,
        )
        return {str(result.check_name): result for result in results}


def test_an_empty_platform_is_in_order(platform):
    assert {name: result.passed for name, result in checked(platform).items()} == {
        AGES: True,
        ROWS: True,
        OBJECTS: True,
    }


def test_a_platform_at_work_is_in_order_and_shows_the_age_of_every_kind(platform, pictures):
    fill(platform, pictures, letter="own.jpg")
    results = checked(platform)
    assert [name for name, result in results.items() if not result.passed] == []
    shown = {name.removesuffix("_hours") for name in results[AGES].metadata}
    assert shown >= {
        Copy.LEDGER_ROW,
        Copy.RENDITION_ROW,
        Copy.RAW_OBJECT,
        Copy.PROCESSED_OBJECT,
        Copy.QUARANTINED_OBJECT,
        MESSAGE,
    }
    assert (
        results[ROWS].metadata["looked_at"].value == len(pictures) + 3 + 2 * (len(pictures) + 1) + 2
    )


def test_the_results_name_no_image(platform, pictures):
    fill(platform, pictures, letter="own.jpg")
    platform.object_store.delete(
        platform.settings.processed_bucket,
        [(found.key, None) for found in listed(platform, ImageBucket.PROCESSED)],
    )
    told = f"{checked(platform)}"
    ids = [str(image) for (image,) in platform.query("select image_id from image_catalog.image")]
    assert [image for image in ids if image in told] == []
    assert "own.jpg" not in told


@pytest.mark.parametrize("bucket", list(ImageBucket))
def test_an_object_that_a_row_names_and_that_is_gone_is_found(platform, pictures, bucket):
    fill(platform, pictures, letter="own.jpg")
    [(key, version)] = {
        ImageBucket.RAW: platform.query(
            "select object_key, object_version from image_catalog.image "
            "where state = 'processed' limit 1"
        ),
        ImageBucket.PROCESSED: platform.query(
            "select object_key, null from image_catalog.rendition limit 1"
        ),
        ImageBucket.QUARANTINE: platform.query(
            "select quarantine_key, null from image_catalog.image "
            "where quarantine_key is not null limit 1"
        ),
    }[bucket]
    platform.object_store.delete(bucket.name_in(platform.settings), [(key, version)])
    assert differing(platform) == {bucket.value: (1, 0)}


def test_one_version_of_an_overwritten_drop_that_is_gone_is_found(platform):
    platform.drop("own.jpg", b"x")
    platform.drop("own.jpg", b"y")
    platform.register()
    oldest = min(listed(platform, ImageBucket.RAW), key=lambda one: one.modified_at)
    platform.object_store.delete(oldest.bucket, [(oldest.key, oldest.version)])
    assert differing(platform) == {"raw": (1, 0)}


@pytest.mark.parametrize(
    "hides",
    [
        "update image_catalog.image set withdrawn_at = now() returning 1",
        "update image_catalog.horizon set expired_until = now() + interval '1 day' returning 1",
        "update image_catalog.image set state = 'rejected', reason_code = 'object_missing', "
        "finished_at = now() returning 1",
    ],
)
def test_a_row_that_nobody_sees_or_that_says_so_itself_needs_no_object(platform, hides):
    waiting_image(platform)
    platform.query(hides)
    [found] = listed(platform, ImageBucket.RAW)
    platform.object_store.delete(found.bucket, [(found.key, found.version)])
    assert differing(platform) == {}


@pytest.mark.parametrize("bucket", [ImageBucket.PROCESSED, ImageBucket.QUARANTINE])
def test_an_object_without_a_row_counts_after_the_grace_exactly(platform, bucket):
    found = put_in(platform, bucket, identity.quarantine_key(uuid4(), NOW))
    assert differing(platform, found.modified_at + GRACE - SECOND) == {}
    assert differing(platform, found.modified_at + GRACE) == {bucket.value: (0, 1)}


def test_what_a_run_has_stored_and_not_told_yet_does_not_count(platform):
    image = waiting_image(platform)
    found = put_rendition(platform, image)
    lease(platform, image, HOUR)
    assert differing(platform, found.modified_at + HOUR) == {}


def test_an_object_that_is_replaced_does_not_count(platform):
    found = put_rendition(platform)
    platform.query(
        "insert into image_catalog.replaced_object (object_key, image_id, recipe_hash) "
        f"values ('{found.key}', '{found.key.split('/')[1]}', 'hash') returning 1"
    )
    assert differing(platform, found.modified_at + HOUR) == {}


def test_a_listing_that_fails_is_not_taken_for_an_empty_bucket(platform):
    waiting_image(platform)
    with pytest.raises(ServerRefusedError):
        inventory(with_settings(platform, raw_bucket="no-such-bucket"))


def test_names_come_in_the_order_in_which_s3_lists(platform):
    keys = ["é", "z", "a/b", "a-b", "ａ", "😀", "Z", "a", "a b", "e\u0301"]
    for key in keys:
        platform.drop(key, b"x")
    platform.register()
    with platform.warehouse.connect() as connection:
        names = [name.key for name in read_references(connection, ImageBucket.RAW)]
    assert names == [found.key for found in listed(platform, ImageBucket.RAW)]


def test_reading_names_keeps_nobody_from_dropping_a_day(platform, pictures):
    fill(platform, pictures, letter="own.jpg")
    with platform.warehouse.connect() as reading, platform.warehouse.connect() as dropping:
        names = read_references(reading, ImageBucket.RAW)
        next(names)
        dropping.execute("set lock_timeout = '2s'")
        dropping.execute("lock table image_catalog.image in access exclusive mode")


def test_the_oldest_of_everything_is_as_old_as_it_is(platform):
    platform.drop("old.jpg", b"x")
    platform.register()
    platform.query("update image_catalog.image set withdrawn_at = now() returning 1")
    platform.object_store.delete(platform.settings.raw_bucket, [("old.jpg", None)])
    platform.object_store.put(platform.settings.logs_bucket, "log", b"x", "text/plain")
    platform.object_store.s3.create_multipart_upload(
        Bucket=platform.settings.quarantine_bucket, Key="large"
    )
    [(arrived_at,)] = platform.query("select arrived_at from image_catalog.image")
    _, oldest = inventory(platform)
    there = {kind for kind, at in oldest.by_kind.items() if at is not None}
    assert there == {
        *(Copy.LEDGER_ROW, WITHDRAWN_ROW, Copy.RAW_OBJECT, Copy.DELETE_MARKER),
        *(Copy.LOG_OBJECT, Copy.UNFINISHED_UPLOAD),
    }
    assert {oldest.by_kind[kind] for kind in (Copy.LEDGER_ROW, WITHDRAWN_ROW)} == {arrived_at}
    assert oldest.by_kind[Copy.RAW_OBJECT] == listed(platform, ImageBucket.RAW)[0].modified_at


def chain(platform) -> dg.AssetCheckResult:
    return receipts_chain_is_intact(platform=platform)


def purge(platform) -> None:
    platform.drop("own.jpg", b"x")
    platform.register()
    Purge(platform, True).run(NOW + timedelta(days=8))


def test_receipts_of_purges_are_intact(platform):
    purge(platform)
    purge(platform)
    result = chain(platform)
    assert (result.passed, result.metadata["images"].value) == (True, 2)


@pytest.mark.parametrize(
    "harm",
    [
        "update retention.purge_receipt set began_at = began_at - interval '1 hour'",
        "update retention.purged_copy set items_count = items_count + 1",
        "delete from retention.purged_copy; delete from retention.purge_receipt",
    ],
)
def test_receipts_that_were_changed_or_are_missing_are_found(owner, platform, harm):
    purge(platform)
    owner.execute(harm)
    assert not chain(platform).passed


def test_the_clocks_of_one_machine_agree(platform):
    result = the_clocks_agree_to_a_minute(platform=platform)
    assert result.passed
    assert set(clocks.read_clocks(platform)) == {
        "this machine",
        "PostgreSQL",
        "S3",
    }
