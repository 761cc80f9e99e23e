"""Uploads straight to S3: the form takes what it was made for, and nothing else."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
import requests

from assets.ingestion.upload import source as uploads
from assets.validation.headers import MAX_IMAGE_BYTES
from tests.unit.pictures import encoded, noise

JPEG, OTHER = encoded(noise(), "JPEG"), encoded(noise(), "PNG")
WANTED = {"content_type": "image/jpeg", "size_bytes": len(JPEG), "filename": "a ü.jpg"}


@pytest.fixture
def form(upload_api) -> dict:
    made = upload_api.post("/v1/uploads", json=WANTED)
    assert made.status_code == 201
    return made.json()


def fill(form: dict, body: bytes, **changes: str) -> int:
    """Sends the form; returns the status that S3 answers with."""
    fields = form["fields"] | changes
    return requests.post(form["url"], data=fields, files={"file": body}, timeout=30).status_code


def test_an_image_sent_with_the_form_has_the_announced_id(platform, upload_api, form):
    assert upload_api.get(form["status_url"]).status_code == 404
    assert fill(form, JPEG) == 204
    platform.register()
    shown = upload_api.get(form["status_url"]).json()
    told = (shown["id"], shown["state"], shown["filename"], shown["content_type"])
    assert told == (form["id"], "received", "a ü.jpg", "image/jpeg")
    platform.process()
    assert upload_api.get(form["status_url"]).json()["state"] == "processed"


def test_the_image_has_its_own_key_and_belongs_to_the_caller(platform, form):
    fill(form, JPEG)
    [key] = platform.keys(platform.settings.raw_bucket)
    assert str(uploads.read_key(key).image_id) == form["id"]
    head = platform.object_store.head(platform.settings.raw_bucket, key)
    signature = head.metadata.pop("signature")
    assert (len(signature), head.metadata) == (
        64,
        {"uploader": "shop", "filename": "a%20%C3%BC.jpg"},
    )


def test_the_form_ends_after_a_quarter_of_an_hour(form):
    left = datetime.fromisoformat(form["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=13) < left <= timedelta(minutes=15)


@pytest.mark.parametrize(("size_bytes", "status"), [(1, 204), (MAX_IMAGE_BYTES, 204)])
def test_the_form_accepts_sizes_up_to_the_limit(platform, form, size_bytes, status):
    assert fill(form, bytes(size_bytes)) == status


@pytest.mark.parametrize("size_bytes", [0, MAX_IMAGE_BYTES + 1])
def test_the_form_refuses_other_sizes(platform, form, size_bytes):
    assert fill(form, bytes(size_bytes)) == 400
    assert platform.keys(platform.settings.raw_bucket) == set()


@pytest.mark.parametrize(
    "change",
    [
        {"key": "upload/another"},
        {"Content-Type": "text/html"},
        {"Content-Disposition": "inline"},
        {"x-amz-meta-uploader": "stranger"},
        {"x-amz-meta-filename": "b.jpg"},
        {"x-amz-meta-sha256": "0" * 64},
        {"x-amz-meta-signature": "0" * 64},
        {"acl": "public-read"},
        {"policy": "e30="},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_signed_fields_of_the_form_cannot_be_changed(platform, form, change):
    assert fill(form, JPEG, **change) == 403
    assert platform.keys(platform.settings.raw_bucket) == set()


@pytest.mark.parametrize("registers_between", [True, False])
def test_a_form_sent_twice_is_one_image_with_the_bytes_sent_first(
    platform, upload_api, form, registers_between
):
    assert fill(form, JPEG) == 204
    if registers_between:
        platform.register()
    assert fill(form, OTHER) == 204
    platform.register()
    assert platform.states() == {"waiting": 1}
    assert len(upload_api.get("/v1/images").json()["images"]) == 1
    platform.process()
    [(sha256,)] = platform.query("select sha256 from image_catalog.image")
    assert sha256 == hashlib.sha256(JPEG).digest()


@pytest.mark.parametrize("content_type", ["text/html", "image/svg+xml", "image/x-own", "image/"])
def test_there_is_no_form_for_what_is_no_image(upload_api, content_type):
    refused = upload_api.post("/v1/uploads", json=WANTED | {"content_type": content_type})
    assert refused.status_code == 422


def test_no_two_forms_are_for_the_same_image(upload_api):
    ids = {upload_api.post("/v1/uploads", json=WANTED).json()["id"] for _ in range(3)}
    assert len(ids) == 3
