"""An image sent: stored, known, processed, shown to its uploader alone, and gone in time."""

import hashlib
import io
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
import requests
from PIL import Image

from assets.ingestion.upload.signature import Statement
from assets.retention.purge import Purge
from assets.validation.headers import ALLOWED_FORMATS
from infra.demo.photographs import broken_files
from tests.integration.upload_api import upload_settings
from tests.unit.pictures import encoded, noise

JPEG = encoded(noise(400, 300), "JPEG")


def row_of(platform, image: str) -> dict[str, object]:
    with platform.warehouse.connect() as connection:
        cursor = connection.execute(
            "select * from image_catalog.image where image_id = %s", [image]
        )
        [row] = cursor.fetchall()
        return dict(zip([column.name for column in cursor.description], row, strict=True))


def test_an_image_is_stored_unchanged_and_registered_with_all_that_was_declared(
    platform, upload_api
):
    sent = upload_api.send(JPEG, Content_Type="image/pjpeg", X_Filename="Stra%C3%9Fe%201.jpg")
    assert sent.status_code == 201
    row = row_of(platform, sent.json()["id"])
    stored = platform.object_store.get(
        platform.settings.raw_bucket, row["object_key"], row["object_version"]
    )
    assert stored == JPEG
    told = {name: row[name] for name in ("source", "origin", "uploader", "filename", "state")}
    assert told == {
        "source": "upload",
        "origin": f"upload/{sent.json()['id']}",
        "uploader": "shop",
        "filename": "Straße 1.jpg",
        "state": "waiting",
    }
    assert (row["size_bytes"], row["declared_content_type"]) == (len(JPEG), "image/pjpeg")
    assert row["sha256"] == hashlib.sha256(JPEG).digest()


def test_the_metadata_of_an_object_is_enough_to_register_it(platform, upload_api):
    sent = upload_api.send(JPEG, Content_Type="image/jpeg", X_Filename="a%20b.jpg").json()
    row = row_of(platform, sent["id"])
    head = platform.object_store.head(platform.settings.raw_bucket, row["object_key"])
    assert head.content_type == "image/jpeg"
    said = Statement(row["object_key"], "shop", hashlib.sha256(JPEG).digest())
    assert head.metadata == {
        **said.signed(platform.settings.upload_signing_key),
        "filename": "a%20b.jpg",
        "declared-type": "image%2Fjpeg",
    }


@pytest.mark.parametrize("declared", ["text/html", "image/svg+xml", ""])
def test_an_object_has_the_type_of_its_bytes_whatever_is_declared(platform, upload_api, declared):
    sent = upload_api.send(JPEG, Content_Type=declared).json()
    key = row_of(platform, sent["id"])["object_key"]
    answer = platform.object_store.s3.head_object(Bucket=platform.settings.raw_bucket, Key=key)
    assert (answer["ContentType"], answer["ContentDisposition"]) == ("image/jpeg", "attachment")
    assert sent["content_type"] == (declared or None)


def test_the_response_states_status_url_and_time_of_deletion(platform, upload_api):
    sent = upload_api.send(JPEG, Content_Type="image/jpeg")
    said = sent.json()
    assert sent.headers["Location"] == said["status_url"] == f"/v1/images/{said['id']}"
    received, expires = map(datetime.fromisoformat, (said["received_at"], said["expires_at"]))
    assert expires - received == platform.settings.purge_age
    assert (said["state"], said["note"], said["renditions"]) == ("received", None, [])
    assert upload_api.get(said["status_url"]).json() == {
        name: value for name, value in said.items() if name != "note"
    }


@pytest.mark.parametrize("name", ALLOWED_FORMATS)
def test_every_allowed_format_is_accepted_and_processed(platform, upload_api, name):
    sent = upload_api.send(encoded(noise(600, 400), name)).json()
    platform.process()
    shown = upload_api.get(sent["status_url"]).json()
    assert (shown["state"], shown["reason"]) == ("processed", None)
    for rendition in shown["renditions"]:
        fetched = requests.get(rendition["url"], timeout=10)
        picture = Image.open(io.BytesIO(fetched.content))
        assert fetched.headers["Content-Type"] == "image/jpeg"
        assert picture.size == (rendition["width_px"], rendition["height_px"])
        assert len(fetched.content) == rendition["size_bytes"]
    assert [rendition["name"] for rendition in shown["renditions"]] == ["medium", "thumbnail"]


def test_a_rendition_can_be_read_only_by_its_signed_url(platform, upload_api):
    sent = upload_api.send(JPEG).json()
    platform.process()
    [url, *_] = [one["url"] for one in upload_api.get(sent["status_url"]).json()["renditions"]]
    assert "X-Amz-Expires=300" in url
    assert requests.get(url, timeout=10).status_code == 200
    assert requests.get(url.partition("?")[0], timeout=10).status_code == 403
    assert requests.put(url, data=b"x", timeout=10).status_code == 403


def test_a_rejected_image_has_explanation_and_advice(platform, upload_api):
    sent = upload_api.send(JPEG[: len(JPEG) // 2]).json()
    platform.process()
    shown = upload_api.get(sent["status_url"]).json()
    assert (shown["state"], shown["reason"]) == ("rejected", "truncated")
    assert shown["reason_text"].startswith("The file ends before the image does. Send it")
    assert shown["renditions"] == []


@pytest.mark.parametrize(
    "wrong", ["the same key's id", "no such id", "another uploader's"], ids=str
)
def test_an_image_of_another_uploader_is_not_found(issue_key, upload_api, wrong):
    image = upload_api.send(JPEG).json()["id"]
    stranger = upload_api.of(issue_key("stranger"))
    asked = {
        "the same key's id": (upload_api, str(uuid4())),
        "no such id": (stranger, str(uuid4())),
        "another uploader's": (stranger, image),
    }
    api, wanted = asked[wrong]
    answer = api.get(f"/v1/images/{wanted}")
    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:darkroom:problem:unknown-image"
    assert answer.json() == stranger.get(f"/v1/images/{uuid4()}").json()


def test_an_image_of_another_source_is_not_found(platform, stack, settings, upload_api):
    platform.produce([JPEG], headers=[("uploader", b"shop")])
    platform.land()
    [(image,)] = platform.query("select image_id from image_catalog.image")
    assert upload_api.get(f"/v1/images/{image}").status_code == 404
    assert upload_api.get("/v1/images").json() == {"images": [], "next_cursor": None}


def test_pages_show_each_own_image_once_newest_first(issue_key, upload_api):
    stranger = upload_api.of(issue_key("stranger"))
    sent = []
    for number in range(7):
        sent.append(upload_api.send(JPEG + bytes([number])).json()["id"])
        stranger.send(JPEG)
    seen, cursor, pages = [], None, 0
    while pages == 0 or cursor:
        params = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = upload_api.get("/v1/images", params=params).json()
        seen += [image["id"] for image in page["images"]]
        cursor, pages = page["next_cursor"], pages + 1
    assert (seen, pages) == (sent[::-1], 3)


def test_images_of_the_same_moment_are_neither_lost_nor_repeated_between_pages(
    platform, upload_api
):
    for number in range(5):
        upload_api.send(JPEG + bytes([number]))
    with platform.warehouse.connect() as connection:
        connection.execute("update image_catalog.image set arrived_at = date_trunc('day', now())")
    seen, cursor = [], None
    for _ in range(5):
        params = {"limit": 1} | ({"cursor": cursor} if cursor else {})
        page = upload_api.get("/v1/images", params=params).json()
        seen += [image["id"] for image in page["images"]]
        cursor = page["next_cursor"]
    assert (len(set(seen)), cursor) == (5, None)


def test_the_cursor_of_another_uploader_shows_nothing_of_theirs(issue_key, upload_api):
    for number in range(2):
        upload_api.send(JPEG + bytes([number]))
    cursor = upload_api.get("/v1/images?limit=1").json()["next_cursor"]
    stranger = upload_api.of(issue_key("stranger"))
    assert stranger.get(f"/v1/images?cursor={cursor}").json()["images"] == []


def age(platform, image: str, by: timedelta) -> None:
    """Makes an image as old as that, as if it had arrived then."""
    with platform.warehouse.connect() as connection:
        moment = datetime.now(UTC) - by
        connection.execute("select image_catalog.ensure_day(%s)", [moment.date()])
        connection.execute(
            "update image_catalog.image set arrived_at = %s where image_id = %s", [moment, image]
        )


def test_an_expired_image_is_hidden_before_the_purge(platform, upload_api):
    image, young = (upload_api.send(JPEG + bytes([number])).json()["id"] for number in range(2))
    age(platform, image, platform.settings.retention)
    age(platform, young, platform.settings.retention - timedelta(minutes=5))
    assert upload_api.get(f"/v1/images/{image}").status_code == 404
    assert [one["id"] for one in upload_api.get("/v1/images").json()["images"]] == [young]


def test_a_purged_image_is_not_found(platform, upload_api):
    image = upload_api.send(JPEG).json()["id"]
    age(platform, image, platform.settings.purge_age + timedelta(minutes=1))
    Purge(platform).run(datetime.now(UTC))
    assert upload_api.get(f"/v1/images/{image}").status_code == 404


def test_broken_files_are_refused_or_rejected_with_a_reason(platform, upload_api):
    """None is lost in between: whatever is answered with 201 comes to a known end."""
    answers = [upload_api.send(broken.body).status_code for broken in broken_files()]
    assert set(answers) <= {201, 413, 415, 422}
    platform.process()
    assert sum(platform.states().values()) == answers.count(201)
    assert "waiting" not in platform.states()


def test_an_upload_and_its_notification_make_one_row(platform, upload_api):
    sent = [upload_api.send(JPEG + bytes([number])).json()["id"] for number in range(5)]
    assert platform.register().notified >= 5
    assert platform.states() == {"waiting": 5}
    rows = platform.query("select image_id::text from image_catalog.image")
    assert {image for (image,) in rows} == set(sent)


def test_uploads_and_their_notifications_at_the_same_time_make_one_row_each(platform, upload_api):
    with ThreadPoolExecutor(1) as threads:
        sending = threads.submit(
            lambda: [upload_api.send(JPEG + bytes([number])).status_code for number in range(40)]
        )
        notified = 0
        while not sending.done():
            notified += platform.register().notified
    notified += platform.register().notified
    assert (set(sending.result()), notified >= 40) == ({201}, True)
    assert platform.states() == {"waiting": 40}


def test_the_role_of_the_api_can_change_nothing_and_delete_nothing(stack, settings, upload_api):
    upload_api.send(JPEG)
    conninfo = upload_settings(stack, settings).database_url.get_secret_value()
    for statement in (
        "delete from image_catalog.image",
        "update image_catalog.image set origin=''",
    ):
        with (
            psycopg.connect(conninfo) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(statement)
