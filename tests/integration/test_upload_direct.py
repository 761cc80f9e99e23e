"""Uploads straight to S3: the URL stores what it was made for, once, and nothing else."""

import hashlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import requests

from assets.ingestion.upload import source as uploads
from assets.validation.headers import MAX_IMAGE_BYTES
from tests.unit.pictures import encoded, noise

JPEG = encoded(noise(), "JPEG")
SAME_SIZE = JPEG[:-1] + b"\0"
FILENAME = "a ü.jpg"


def wanted(body: bytes, **changes: object) -> dict:
    """What a sender says about the bytes before they are sent."""
    digest = hashlib.sha256(body).hexdigest()
    said = {"content_type": "image/jpeg", "size_bytes": len(body), "sha256": digest}
    return said | {"filename": FILENAME} | changes


def prepared(upload_api, body: bytes, **changes: object) -> dict:
    made = upload_api.post("/v1/uploads", json=wanted(body, **changes))
    assert made.status_code == 201
    return made.json()


@pytest.fixture
def upload(upload_api) -> dict:
    return prepared(upload_api, JPEG)


def put(upload: dict, body: bytes, **changes: str) -> int:
    """Uses the URL; returns the status that S3 answers with."""
    headers = upload["headers"] | changes
    return requests.put(upload["url"], body, headers=headers, timeout=30).status_code


def versions(platform) -> int:
    pages = platform.object_store.pages_of_versions(platform.settings.raw_bucket)
    return sum(len(page.versions) for page in pages)


def test_an_image_sent_to_the_url_has_the_announced_id(platform, upload_api, upload):
    assert upload_api.get(upload["status_url"]).status_code == 404
    assert put(upload, JPEG) == 200
    platform.register()
    shown = upload_api.get(upload["status_url"]).json()
    told = (shown["id"], shown["state"], shown["filename"], shown["content_type"])
    assert told == (upload["id"], "received", FILENAME, "image/jpeg")
    platform.process()
    assert upload_api.get(upload["status_url"]).json()["state"] == "processed"


def test_the_image_has_its_own_key_and_belongs_to_the_caller(platform, upload):
    put(upload, JPEG)
    [key] = platform.keys(platform.settings.raw_bucket)
    assert str(uploads.read_key(key).image_id) == upload["id"]
    head = platform.object_store.head(platform.settings.raw_bucket, key)
    assert len(head.metadata.pop("signature")) == 64
    digest = hashlib.sha256(JPEG).hexdigest()
    assert head.metadata == {"uploader": "shop", "filename": "a%20%C3%BC.jpg", "sha256": digest}


def test_the_url_ends_after_a_quarter_of_an_hour(upload):
    left = datetime.fromisoformat(upload["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=13) < left <= timedelta(minutes=15)


@pytest.mark.parametrize("body", [b"x", bytes(MAX_IMAGE_BYTES)], ids=["1 byte", "10 MiB"])
def test_sizes_up_to_the_limit_are_stored(platform, upload_api, body):
    assert put(prepared(upload_api, body), body) == 200
    assert versions(platform) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"size_bytes": 0},
        {"size_bytes": MAX_IMAGE_BYTES + 1},
        {"sha256": "0" * 63},
        {"sha256": "G" * 64},
        *({"content_type": one} for one in ("text/html", "image/svg+xml", "image/x-own", "image/")),
    ],
    ids=str,
)
def test_there_is_no_url_for_other_sizes_digests_or_what_is_no_image(upload_api, change):
    assert upload_api.post("/v1/uploads", json=wanted(JPEG, **change)).status_code == 422


def test_without_a_digest_there_is_no_url(upload_api):
    said = wanted(JPEG)
    del said["sha256"]
    assert upload_api.post("/v1/uploads", json=said).status_code == 422


@pytest.mark.parametrize(
    ("body", "status"),
    [(JPEG[:-1], 403), (JPEG + b"x", 403), (b"", 403), (SAME_SIZE, 400)],
    ids=["shorter", "longer", "empty", "of the same size"],
)
def test_other_bytes_than_those_that_were_announced_are_refused(platform, upload, body, status):
    assert put(upload, body) == status
    assert versions(platform) == 0


def test_bytes_whose_size_is_not_said_are_refused(platform, upload):
    answer = requests.put(upload["url"], iter([JPEG]), headers=upload["headers"], timeout=30)
    assert (answer.status_code, versions(platform)) == (403, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"If-None-Match": '"an-etag"'},
        {"Content-Type": "text/html"},
        {"Content-Disposition": "inline"},
        {"x-amz-checksum-sha256": "0" * 43 + "="},
        {"x-amz-meta-uploader": "stranger"},
        {"x-amz-meta-filename": "b.jpg"},
        {"x-amz-meta-sha256": "0" * 64},
        {"x-amz-meta-signature": "0" * 64},
        {"x-amz-acl": "public-read"},
        {"x-amz-tagging": "a=b"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_signed_headers_cannot_be_changed_and_none_is_added(platform, upload, change):
    assert (put(upload, JPEG, **change), versions(platform)) == (403, 0)


def test_no_signed_header_can_be_left_out(platform, upload):
    for name in upload["headers"]:
        others = {key: value for key, value in upload["headers"].items() if key != name}
        assert put(upload | {"headers": others}, JPEG) == 403
    assert versions(platform) == 0


@pytest.mark.parametrize("registers_between", [True, False])
def test_a_url_that_is_used_again_stores_nothing(platform, upload_api, upload, registers_between):
    assert put(upload, JPEG) == 200
    if registers_between:
        platform.register()
    assert (put(upload, JPEG), put(upload, SAME_SIZE)) == (412, 412)
    assert versions(platform) == 1
    platform.register()
    assert platform.states() == {"waiting": 1}
    assert len(upload_api.get("/v1/images").json()["images"]) == 1


def test_of_concurrent_uses_of_a_url_one_stores_a_version(platform, upload):
    with ThreadPoolExecutor(8) as threads:
        statuses = Counter(threads.map(lambda _: put(upload, JPEG), range(16)))
    assert statuses == {200: 1, 412: 15}
    assert versions(platform) == 1


def test_an_erased_upload_does_not_come_back_by_its_url(platform, upload_api, upload):
    put(upload, JPEG)
    platform.register()
    assert upload_api.ask("DELETE", f"/v1/images/{upload['id']}").status_code == 202
    [page] = platform.object_store.pages_of_versions(platform.settings.raw_bucket)
    [stored] = page.versions
    platform.object_store.delete(stored.bucket, [(stored.key, stored.version)])
    put(upload, JPEG)
    platform.register()
    assert upload_api.get(upload["status_url"]).status_code == 404
    assert upload_api.get("/v1/images").json()["images"] == []


def test_no_two_urls_are_for_the_same_image(upload_api):
    assert len({prepared(upload_api, JPEG)["id"] for _ in range(3)}) == 3
