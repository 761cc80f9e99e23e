"""Addresses of objects as callers get them, on AWS: made without asking anybody."""

import asyncio
from urllib.parse import urlsplit

import pytest

from assets.settings import UploadSettings
from services.upload_api.middleware import page_policy
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


def test_a_form_goes_to_the_region_of_the_bucket(settings: UploadSettings) -> None:
    storage = Storage.from_settings(settings)
    url, fields = asyncio.run(storage.form("upload/k", "image/png", {"uploader": "shop"}))
    assert "s3.eu-west-1.amazonaws.com" in url
    assert fields["x-amz-algorithm"] == "AWS4-HMAC-SHA256"
    assert (fields["key"], fields["x-amz-meta-uploader"]) == ("upload/k", "shop")
