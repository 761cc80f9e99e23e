"""Objects in the raw bucket become ledger rows: told by notifications, found by the listing."""

import pytest

from assets.images import progress


def test_a_notified_object_is_registered(platform):
    platform.drop("holiday/beach.jpg", b"x")
    registered = platform.register()
    assert registered.new_images == 1
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


def test_the_listing_is_not_repeated_before_it_is_due(platform):
    platform.register()
    platform.drop("quiet.jpg", b"x")
    platform.forget_notifications()
    assert platform.register().listed == 0


def test_a_listing_goes_on_where_the_last_one_stopped(platform):
    platform.drop("a.jpg", b"x")
    platform.drop("b.jpg", b"x")
    platform.forget_notifications()
    with platform.warehouse.connect() as connection:
        progress.write_sweep(connection, platform.settings.raw_bucket, progress.Sweep("a.jpg"))
    assert platform.register().listed == 1
    assert platform.query("select object_key from image_catalog.image") == [("b.jpg",)]


@pytest.mark.parametrize(
    "key",
    ["with space.jpg", "plus+sign.jpg", "snow/☃.jpg", "100%25.jpg", "q?u=e&r#y.jpg", "k" * 1024],
)
def test_odd_keys_are_registered_as_they_are(platform, key):
    platform.drop(key, b"x")
    platform.register()
    assert platform.query("select object_key from image_catalog.image") == [(key,)]


def test_an_object_that_is_overwritten_is_two_images_with_their_own_bytes(platform):
    platform.drop("same.jpg", b"first")
    platform.drop("same.jpg", b"second one")
    platform.register()
    versions = platform.query("select object_version from image_catalog.image")
    bucket = platform.settings.raw_bucket
    bodies = {platform.object_store.get(bucket, "same.jpg", version) for (version,) in versions}
    assert bodies == {b"first", b"second one"}


def test_landed_messages_are_left_to_the_landing(platform, pictures):
    platform.produce([pictures[0].body])
    platform.land()
    platform.register()
    assert platform.query("select source from image_catalog.image") == [("kafka",)]


def test_a_queue_message_that_tells_of_no_object_is_taken_away(platform):
    platform.object_store.sqs.send_message(
        QueueUrl=platform.object_store._queue_url, MessageBody='{"Event": "s3:TestEvent"}'
    )
    platform.register()
    assert platform.object_store.notifications_waiting() == 0
