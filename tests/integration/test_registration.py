"""Objects in the raw bucket become ledger rows, each as the image that it is."""

from datetime import timedelta
from urllib.parse import quote
from uuid import uuid4

import pytest

from assets.catalog.checks import balance
from assets.ingestion.bucket import raw_objects
from assets.ingestion.kafka import topics
from assets.ingestion.kafka.lineage import Lineage
from assets.ingestion.kafka.source import LANDING_GRACE, landed_key
from assets.ingestion.upload.source import upload_key
from tests.integration.bucket import (
    NOW,
    due_again,
    keys_of_rows,
    left_in_queue,
    not_due,
    put,
    put_upload,
)
from tests.unit.arrivals import message


@pytest.fixture
def no_grace(monkeypatch):
    """What the landing should have made known, it should have made known at once."""
    decide = raw_objects.classify

    def impatient(*args):
        return decide(*args, delay=-LANDING_GRACE)

    monkeypatch.setattr("assets.ingestion.bucket.registration.classify", impatient)


def create_orphaned_objects(platform, monkeypatch) -> None:
    """A landing that is killed after it has stored the objects."""

    def crash(*_):
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr("assets.catalog.ledger.register", crash)
        with pytest.raises(RuntimeError, match="killed"):
            platform.land()


def test_a_notified_object_is_registered(platform):
    not_due(platform)
    platform.drop("holiday/beach.jpg", b"x")
    registered = platform.register()
    assert (registered.new_images, registered.listed) == (1, 0)
    [(source, key, size)] = platform.query(
        "select source, object_key, size_bytes from image_catalog.image"
    )
    assert (source, key, size) == ("bucket", "holiday/beach.jpg", 1)


def test_an_object_without_a_notification_is_found_by_the_listing(platform):
    platform.drop("quiet.jpg", b"x")
    platform.forget_notifications()
    assert platform.register().new_images == 1


def test_notification_and_listing_of_one_object_make_one_row(platform):
    platform.drop("seen-twice.jpg", b"x")
    registered = platform.register()
    assert (registered.notified >= 1, registered.listed) == (True, 1)
    assert platform.states() == {"waiting": 1}


def test_a_folder_that_a_console_shows_is_no_image(platform):
    put(platform, "holiday/", b"")
    put(platform, "holiday/beach.jpg")
    platform.register()
    assert keys_of_rows(platform) == ["holiday/beach.jpg"]


@pytest.mark.parametrize(
    "key",
    ["with space.jpg", "plus+sign.jpg", "snow/☃.jpg", "100%25.jpg", "q?u=e&r#y.jpg", "k" * 1024],
)
def test_odd_keys_are_registered_as_they_are(platform, key):
    platform.drop(key, b"x")
    platform.register()
    assert keys_of_rows(platform) == [key]


def test_an_object_that_is_overwritten_is_two_images_with_their_own_bytes(platform):
    platform.drop("same.jpg", b"first")
    platform.drop("same.jpg", b"second one")
    platform.register()
    versions = platform.query("select object_version from image_catalog.image")
    bucket = platform.settings.raw_bucket
    bodies = {platform.object_store.get(bucket, "same.jpg", version) for (version,) in versions}
    assert bodies == {b"first", b"second one"}


def test_landed_messages_are_left_to_the_landing(platform, pictures, no_grace):
    platform.produce([pictures[0].body])
    platform.land()
    platform.register()
    assert platform.query("select source from image_catalog.image") == [("kafka",)]


def test_what_a_killed_landing_left_behind_is_landed_and_registered_once(
    platform, pictures, no_grace, monkeypatch
):
    platform.produce([picture.body for picture in pictures])
    create_orphaned_objects(platform, monkeypatch)
    platform.register()
    assert platform.states() == {}
    platform.land()
    due_again(platform)
    platform.register()
    sources = platform.query("select source, count(*) from image_catalog.image group by source")
    assert sources == [("kafka", len(pictures))]


def test_a_message_landed_while_its_object_is_looked_up_is_not_taken_for_a_drop(
    platform, pictures, no_grace, monkeypatch
):
    """Whatever is read first, the landing commits before the rest is read."""
    platform.produce([picture.body for picture in pictures])
    create_orphaned_objects(platform, monkeypatch)
    landings = iter([platform.land])

    def landing_after(read):
        def read_and_land(*args):
            found = read(*args)
            for land in landings:
                land()
            return found

        return read_and_land

    for module, name in ((topics, "read_landed"), (raw_objects, "read_rows")):
        monkeypatch.setattr(module, name, landing_after(getattr(module, name)))
    platform.register()
    assert next(landings, None) is None
    due_again(platform)
    platform.register()
    sources = platform.query("select source, count(*) from image_catalog.image group by source")
    assert sources == [("kafka", len(pictures))]


def test_a_drop_under_a_landed_key_is_found_once_the_landing_is_past_it(
    platform, pictures, no_grace
):
    platform.produce([picture.body for picture in pictures])
    platform.land()
    topic, partition = platform.settings.kafka_topic, 0
    [(reached,)] = platform.query(
        "select next_offset from image_catalog.kafka_offset where partition_no = 0"
    )
    for offset in (reached - 1, reached):
        dropped = message(topic=topic, partition=partition, offset=offset)
        platform.drop(landed_key(dropped, Lineage()), b"x")
    platform.register()
    assert platform.query(
        "select count(*), max(object_key) from image_catalog.image where source = 'bucket'"
    ) == [(1, f"kafka/{topic}/2024-05-17/0-{reached - 1}")]


def test_an_upload_whose_row_was_never_written_is_caught_up_from_its_object(platform):
    image = uuid4()
    key = upload_key(image, NOW)
    version = put_upload(platform, key, filename=quote("my hütte+1.png"))
    platform.register()
    assert platform.query(
        "select image_id, source, origin, object_key, object_version, declared_content_type, "
        "filename, uploader from image_catalog.image"
    ) == [
        (image, "upload", f"upload/{image}", key, version, "image/png", "my hütte+1.png", "ann"),
    ]


def test_an_upload_that_was_repeated_is_one_image(platform):
    image = uuid4()
    for hour in (NOW, NOW - timedelta(hours=1)):
        put_upload(platform, upload_key(image, hour))
    put_upload(platform, upload_key(image, NOW))
    platform.register()
    due_again(platform)
    platform.register()
    assert platform.query("select image_id from image_catalog.image") == [(image,)]


def test_under_an_uploads_key_an_object_without_an_uploader_is_one_drop(platform):
    put(platform, upload_key(uuid4(), NOW))
    platform.register()
    due_again(platform)
    assert platform.register().new_images == 0
    assert platform.query("select source, uploader from image_catalog.image") == [("bucket", None)]


def test_an_upload_that_is_gone_before_it_was_seen_is_no_image(platform):
    key = upload_key(uuid4(), NOW)
    version = put_upload(platform, key)
    platform.object_store.delete(platform.settings.raw_bucket, [(key, version)])
    platform.register()
    assert (platform.states(), left_in_queue(platform)) == ({}, 0)


def test_a_drop_that_is_gone_before_it_was_seen_is_rejected_as_missing(platform):
    platform.drop("gone.jpg", b"x")
    [version] = platform.object_store.page_of_versions(
        platform.settings.raw_bucket, None, None
    ).versions
    platform.object_store.delete(platform.settings.raw_bucket, [(version.key, version.version)])
    platform.register()
    platform.process()
    assert platform.states() == {"object_missing": 1}
    with platform.warehouse.connect() as connection:
        assert (balance(connection)["difference"] == 0).all()
