"""Addresses of objects as callers get them, on AWS: made without asking anybody."""

import asyncio
from base64 import b64decode
from urllib.parse import parse_qsl, urlsplit

import pytest

from assets.settings import UploadSettings
from services.upload_api.middleware import page_policy
from services.upload_api.models import DirectUpload
from services.upload_api.storage import Storage, origin


@pytest.fixture
def settings() -> UploadSettings:
    return UploadSettings(
        database_url="postgresql://u:p@h/d",
        aws_endpoint_url=None,
        aws_default_region="eu-west-1",
        aws_access_key_id="AKIAEXAMPLE",
        aws_secret_access_key="example",
        upload_signing_key="x" * 32,
        erasure_key="x" * 32,
    )


def test_the_policy_of_the_page_allows_the_urls_of_renditions(
    settings: UploadSettings,
) -> None:
    storage = Storage.from_settings(settings)
    [address] = asyncio.run(storage.signed_urls(["2024-05-17/a b/medium.jpg"]))
    parts = urlsplit(address)
    assert f"{parts.scheme}://{parts.netloc}" == origin(settings)
    assert f" {origin(settings)};" in page_policy(origin(settings))
    assert parts.path.endswith("/2024-05-17/a%20b/medium.jpg")
    assert "X-Amz-Expires=300" in parts.query


def test_the_url_of_an_upload_goes_to_the_region_and_signs_size_and_all_headers(
    settings: UploadSettings,
) -> None:
    storage = Storage.from_settings(settings)
    wanted = DirectUpload(content_type="image/png", size_bytes=7, sha256="0f" * 32)
    url, headers = asyncio.run(storage.upload_url("upload/k", wanted, {"uploader": "shop"}))
    parts = urlsplit(url)
    assert parts.netloc.endswith("s3.eu-west-1.amazonaws.com")
    assert parts.path.endswith("/upload/k")
    query = dict(parse_qsl(parts.query))
    assert (query["X-Amz-Algorithm"], query["X-Amz-Expires"]) == ("AWS4-HMAC-SHA256", "900")
    names = {name.lower() for name in headers}
    assert set(query["X-Amz-SignedHeaders"].split(";")) == {*names, "host", "content-length"}
    assert headers["If-None-Match"] == "*"
    assert (headers["Content-Type"], headers["x-amz-meta-uploader"]) == ("image/png", "shop")
    assert b64decode(headers["x-amz-checksum-sha256"]) == b"\x0f" * 32
