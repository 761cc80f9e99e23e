"""Images that somebody wants gone before their time, with all their copies."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from assets.catalog import identity
from assets.catalog.checks import balance
from assets.errors import ServerUnavailableError
from assets.ingestion.bucket.source import object_origin
from assets.ingestion.kafka.source import read_landed_key
from assets.resources.object_store import ObjectStore
from assets.retention import deletion, ledger_rows
from assets.retention.erasure import Erasure
from assets.retention.erasure_requests import (
    ErasureSelection,
    oldest_naming,
)
from assets.retention.ledger_rows import take_withdrawn
from assets.retention.receipts import Copy, DeletionReason
from tests.integration.retention_helpers import fill, objects, problems, purge, receipts


def erase(platform, chosen: ErasureSelection):
    erasure = Erasure(platform)
    return erasure.run(erasure.request(chosen), datetime.now(UTC))


def images_of(platform, condition: str):
    rows = platform.query(f"select image_id from image_catalog.image where {condition}")
    return tuple(image for (image,) in rows)


def keys_that_name(platform, image) -> list[str]:
    return [
        key
        for bucket in platform.settings.image_buckets
        for key in platform.keys(bucket)
        if str(image) in key
    ]


def test_an_erased_image_leaves_nothing_and_its_neighbours_stay(platform, pictures):
    images = fill(platform, pictures)
    [chosen] = images_of(platform, "object_key = 'own.jpg'")
    gone = erase(platform, ErasureSelection(images=(chosen,)))
    assert gone.items(Copy.LEDGER_ROW) == 1
    assert images_of(platform, f"image_id = '{chosen}'") == ()
    assert keys_that_name(platform, chosen) == []
    assert "own.jpg" not in platform.keys(platform.settings.raw_bucket)
    assert sum(platform.states().values()) == images - 1


def test_all_images_of_a_source_are_erased_and_no_others(platform, pictures):
    fill(platform, pictures)
    erase(platform, ErasureSelection(source="kafka"))
    assert images_of(platform, "source = 'kafka'") == ()
    assert platform.keys(platform.settings.raw_bucket) == {"own.jpg", "letter.jpg"}
    assert len(images_of(platform, "source = 'bucket'")) == 2


def test_all_images_of_an_uploader_are_erased_and_no_others(platform, pictures):
    bodies = [picture.body for picture in pictures]
    platform.produce(bodies[:2], headers=[("uploader", b"ann")])
    platform.produce(bodies[2:5], headers=[("uploader", b"bob")])
    platform.land()
    erase(platform, ErasureSelection(uploader="ann"))
    assert platform.query("select uploader, count(*) from image_catalog.image group by 1") == [
        ("bob", 3)
    ]


@pytest.mark.parametrize("others", [0, 2100], ids=["alone", "in a full folder"])
def test_copies_that_a_killed_landing_left_of_an_erased_image_go_too(platform, pictures, others):
    platform.produce([pictures[0].body])
    platform.land()
    raw = platform.settings.raw_bucket
    [key] = platform.keys(raw)
    platform.object_store.put(raw, key, pictures[0].body, "image/jpeg")
    assert read_landed_key(key)
    folder = key[: key.rindex("/")]
    with ThreadPoolExecutor(8) as threads:
        beside = [f"{folder}/!{number}" for number in range(others)]
        list(threads.map(lambda one: platform.object_store.put(raw, one, b"o", "text/x"), beside))
    assert objects(platform) == 2 + others
    erase(platform, ErasureSelection(source="kafka"))
    assert objects(platform) == others


def test_an_erasure_has_a_receipt_that_names_its_images_only(platform, pictures):
    fill(platform, pictures)
    [chosen] = images_of(platform, "object_key = 'own.jpg'")
    [other] = images_of(platform, "object_key = 'letter.jpg'")
    erase(platform, ErasureSelection(images=(chosen,)))
    [receipt] = receipts(platform)
    assert (receipt.why, receipt.images, receipt.expired_until) == (DeletionReason.ERASURE, 1, None)
    assert receipt.names(chosen)
    assert not receipt.names(other)
    assert receipt.requested_by == "darkroom_loader"
    assert problems(platform) == []


def test_images_that_fit_into_one_batch_have_one_receipt(platform, pictures, monkeypatch):
    """Also when another thread looks for images while the batch is taken."""
    platform.produce([picture.body for picture in pictures])
    platform.land()

    def slowly(connection, by, limit, kept):
        take_withdrawn(connection, by, limit // 2, kept)  # what it locks is still there for itself
        time.sleep(0.2)
        return take_withdrawn(connection, by, limit, kept)

    monkeypatch.setattr(deletion, "_BATCH_IMAGES", len(pictures))
    monkeypatch.setattr(ledger_rows, "take_withdrawn", slowly)
    erase(platform, ErasureSelection(source="kafka"))
    assert [receipt.images for receipt in receipts(platform)] == [len(pictures)]


def test_what_was_erased_still_counts_in_the_balance(platform, pictures):
    fill(platform, pictures)
    erase(platform, ErasureSelection(source="bucket"))
    with platform.warehouse.connect() as connection:
        assert (balance(connection)["difference"] == 0).all()


def test_an_erasure_that_is_cut_short_is_finished_by_the_next_purge(platform, pictures):
    fill(platform, pictures)
    nowhere = platform.settings.model_copy(update={"aws_endpoint_url": "http://127.0.0.1:1"})
    unplugged = replace(platform, object_store=ObjectStore(nowhere))
    with pytest.raises(ServerUnavailableError, match="does not answer"):
        erase(unplugged, ErasureSelection(source="bucket"))
    assert len(images_of(platform, "withdrawn_at is not null")) == 2
    purge(platform, datetime.now(UTC))
    assert images_of(platform, "source = 'bucket'") == ()
    assert [one.why for one in receipts(platform) if one.images] == [DeletionReason.ERASURE]


@pytest.mark.parametrize("is_named", [True, False], ids=["by id", "by source"])
def test_a_requested_image_is_out_of_the_hands_of_the_run_that_held_it(
    platform, pictures, is_named
):
    platform.produce([pictures[0].body])
    platform.land()
    platform.query(
        "update image_catalog.image set claimed_by = 'a run', lease_until = now() + '1 hour' "
        "returning 1"
    )
    named = ErasureSelection(images_of(platform, "true"))
    Erasure(platform).request(named if is_named else ErasureSelection(source="kafka"))
    assert platform.query(
        "select claimed_by, lease_until, withdrawn_by from image_catalog.image"
    ) == [(None, None, "darkroom_loader")]


def test_a_request_withdraws_named_images_as_soon_as_a_run_unlocks_them(platform, pictures):
    platform.produce([pictures[0].body])
    platform.land()
    chosen = ErasureSelection(images_of(platform, "true"))
    with ThreadPoolExecutor(1) as threads, platform.warehouse.connect() as run:
        run.execute("select from image_catalog.image for update")
        requested = threads.submit(Erasure(platform).request, chosen)
        with pytest.raises(TimeoutError):
            requested.result(timeout=0.3)
        run.commit()
        requested.result(timeout=30)
    assert images_of(platform, "withdrawn_at is null") == ()


def test_ids_and_uploader_of_a_request_are_deleted_within_the_retention(platform, pictures):
    platform.produce([pictures[0].body], headers=[("uploader", b"ann")])
    platform.land()
    now, age = datetime.now(UTC), platform.settings.purge_age
    erase(platform, ErasureSelection(images_of(platform, "true"), uploader="ann"))
    purge(platform, now + age - timedelta(minutes=1))
    with platform.warehouse.connect() as connection:
        assert oldest_naming(connection) >= now
    purge(platform, now + age + timedelta(minutes=1))
    assert platform.query(
        "select image_ids, uploader, requesting_role, completed_at is not null "
        "from retention.erasure_request"
    ) == [([], None, "darkroom_loader", True)]


def test_an_image_that_is_named_before_it_is_known_never_becomes_known(platform, pictures):
    platform.drop("own.jpg", pictures[0].body)
    [page] = platform.object_store.pages_of_versions(platform.settings.raw_bucket)
    [drop] = page.versions
    image = identity.image_id("bucket", object_origin(drop))
    erase(platform, ErasureSelection(images=(image,)))
    platform.register()
    assert platform.states() == {}


def test_renditions_that_a_new_recipe_has_replaced_go_with_their_image(platform, pictures):
    platform.drop("own.jpg", pictures[0].body)
    platform.register()
    platform.process()
    platform.query(
        "insert into image_catalog.replaced_object (object_key, image_id, recipe_hash) "
        "select 'older', image_id, 'older' from image_catalog.image returning 1"
    )
    platform.object_store.put(platform.settings.processed_bucket, "older", b"x", "image/jpeg")
    erase(platform, ErasureSelection(source="bucket"))
    assert objects(platform) == 0
    assert platform.query("select count(*) from image_catalog.replaced_object") == [(0,)]


def test_erased_ids_are_forgotten_when_nothing_can_bring_the_images_back(platform, pictures):
    platform.produce([pictures[0].body])
    platform.land()
    erase(platform, ErasureSelection(source="kafka"))
    purge(platform, datetime.now(UTC) + platform.settings.retention - timedelta(minutes=1))
    assert platform.query("select count(*) from image_catalog.erased_image") == [(1,)]
    purge(platform, datetime.now(UTC) + platform.settings.retention + timedelta(seconds=1))
    assert platform.query("select count(*) from image_catalog.erased_image") == [(0,)]


def test_erasing_again_changes_nothing(platform, pictures):
    fill(platform, pictures)
    erase(platform, ErasureSelection(source="bucket"))
    issued = receipts(platform)
    assert issued
    assert erase(platform, ErasureSelection(source="bucket")).items() == 0
    assert receipts(platform) == issued
