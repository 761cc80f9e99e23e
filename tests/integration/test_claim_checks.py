"""Claim checks: an empty message and an object in the raw bucket are one image."""

import pytest

from assets.ingestion.upload.source import upload_id, upload_key
from tests.integration.bucket import put, put_upload
from tests.integration.topic import fill, images, origins


def check(key: str, **told: str) -> list[tuple[str, bytes]]:
    return [("s3-key", key.encode()), *((name, value.encode()) for name, value in told.items())]


def rows(platform) -> list[tuple]:
    return platform.query(
        """
        select source, object_key, object_version, size_bytes, filename, uploader, reason_code
        from image_catalog.image
        order by arrived_at
        """
    )


@pytest.mark.parametrize("value", [None, b""], ids=["null value", "empty value"])
def test_a_claim_check_makes_the_object_known_with_what_the_sender_says_of_it(platform, value):
    version = put(platform, "big/photo.jpg", b"bytes")
    fill(platform, 0, [value], check("big/photo.jpg", filename="photo.jpg", uploader="ann"))
    assert platform.land().new_images == 1
    assert rows(platform) == [("bucket", "big/photo.jpg", version, 5, "photo.jpg", "ann", None)]


def test_a_claim_check_before_the_notification_makes_one_image(platform):
    put(platform, "photo.jpg")
    fill(platform, 0, [None], check("photo.jpg", filename="a.jpg"))
    platform.land()
    platform.register()
    assert [row[4] for row in rows(platform)] == ["a.jpg"]


def test_a_claim_check_after_the_notification_makes_one_image(platform):
    put(platform, "photo.jpg")
    platform.register()
    fill(platform, 0, [None], check("photo.jpg", filename="a.jpg"))
    assert platform.land().new_images == 0
    assert [row[4] for row in rows(platform)] == [None]


def test_two_claim_checks_for_one_object_make_one_image(platform):
    put(platform, "photo.jpg")
    fill(platform, 0, [None, None], check("photo.jpg"))
    fill(platform, 1, [None], check("photo.jpg"))
    landed = platform.land()
    assert (landed.messages, landed.new_images) == (3, 1)


def test_the_image_of_a_claim_check_is_processed_as_any_other(platform, pictures):
    put(platform, "photo", pictures[0].body)
    fill(platform, 0, [None], check("photo"))
    platform.land()
    platform.process()
    assert platform.states() == {"processed": 1}


def test_an_object_that_is_not_there_is_a_rejected_image_without_bytes(platform):
    fill(platform, 0, [None], check("nowhere.jpg", filename="lost.jpg", uploader="ann"))
    fill(platform, 0, images(1))
    landed = platform.land()
    assert (landed.new_images, landed.rejected) == (2, 1)
    rejected = [row for row in rows(platform) if row[6]]
    assert [(row[0], *row[3:]) for row in rejected] == [
        ("kafka", 0, "lost.jpg", "ann", "object_missing")
    ]
    assert platform.keys(platform.settings.quarantine_bucket) == set()


def test_an_object_that_comes_after_its_claim_check_is_an_image_all_the_same(platform):
    fill(platform, 0, [None], check("late.jpg"))
    platform.land()
    put(platform, "late.jpg")
    platform.register()
    assert platform.states() == {"object_missing": 1, "waiting": 1}


def test_an_object_that_was_deleted_is_not_there(platform):
    put(platform, "gone.jpg")
    platform.object_store.s3.delete_object(Bucket=platform.settings.raw_bucket, Key="gone.jpg")
    fill(platform, 0, [None], check("gone.jpg"))
    platform.land()
    assert platform.states() == {"object_missing": 1}


def test_odd_keys_are_found_as_they_are(platform):
    keys = [
        *("with space.jpg", "plus+sign.jpg", "snow/☃.jpg", "100%25.jpg", "q?u=e&r#y.jpg"),
        *("k" * 1024, "a//b", "./c", "trailing/"),
    ]
    for key in keys:
        put(platform, key)
        fill(platform, 0, [None], check(key))
    assert platform.land().new_images == len(keys)
    assert sorted(row[1] for row in rows(platform)) == sorted(keys)


def test_keys_that_no_object_can_have_hold_up_nobody(platform):
    keys = [b"\0", b"\xff\xfe", b"k" * 1025, b"a\nb", b"..", b"/", b"../../etc/passwd", b" "]
    for key in keys:
        fill(platform, 0, [None], [("s3-key", key)])
    fill(platform, 0, images(1))
    platform.land()
    assert platform.states() == {"object_missing": len(keys), "waiting": 1}


def test_a_message_with_bytes_is_no_claim_check_whatever_its_headers_say(platform):
    put(platform, "photo.jpg")
    fill(platform, 0, images(1), check("photo.jpg"))
    platform.land()
    assert [row[0] for row in rows(platform)] == ["kafka"]


def test_a_claim_check_for_what_was_landed_already_makes_no_second_image(platform):
    fill(platform, 0, images(1))
    platform.land()
    [key] = platform.keys(platform.settings.raw_bucket)
    fill(platform, 0, [None], check(key))
    assert platform.land().new_images == 0
    assert origins(platform) == {"0/0"}


def test_a_claim_check_for_an_upload_is_that_upload(platform):
    image = upload_id("ann", "key")
    [(now,)] = platform.query("select clock_timestamp()")
    key = upload_key(image, now)
    put_upload(platform, key)
    fill(platform, 0, [None], check(key))
    platform.land()
    platform.register()
    assert platform.query("select image_id, source, uploader from image_catalog.image") == [
        (image, "upload", "ann")
    ]
