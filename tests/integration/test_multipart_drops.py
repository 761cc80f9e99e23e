"""Objects that a client drops into the raw bucket in several parts."""

import hashlib
import io
from random import Random

import pytest
from PIL import Image

from tests.integration.bucket import due_again

PART_BYTES = 5 * 2**20  # the least that S3 accepts for a part that is not the last


@pytest.fixture(scope="module")
def large_picture() -> bytes:
    """A PNG of noise, which no compression makes smaller than one part."""
    size = (1500, 1500)
    noise = Random(7).randbytes(3 * size[0] * size[1])  # noqa: S311 - pixels, no secret
    file = io.BytesIO()
    Image.frombytes("RGB", size, noise).save(file, "PNG", compress_level=0)
    assert len(file.getvalue()) > PART_BYTES
    return file.getvalue()


def upload_parts(platform, body: bytes) -> tuple[dict, list[dict]]:
    """Begins an upload and sends all parts; returns the upload and its parts."""
    s3 = platform.object_store.s3
    place = {"Bucket": platform.settings.raw_bucket, "Key": "drop/large.png"}
    upload = place | {"UploadId": s3.create_multipart_upload(**place)["UploadId"]}
    parts = []
    for number, start in enumerate(range(0, len(body), PART_BYTES), 1):
        part = body[start : start + PART_BYTES]
        sent = s3.upload_part(**upload, PartNumber=number, Body=part)
        parts.append({"PartNumber": number, "ETag": sent["ETag"]})
    return upload, parts


def test_a_multipart_drop_is_registered_once_and_processed_with_its_own_digest(
    platform, large_picture
):
    upload, parts = upload_parts(platform, large_picture)
    assert platform.register().new_images == 0
    stored = platform.object_store.s3.complete_multipart_upload(
        **upload, MultipartUpload={"Parts": parts}
    )
    assert stored["ETag"].strip('"').endswith("-2")
    due_again(platform)
    assert platform.register().new_images == 1
    due_again(platform)
    assert platform.register().new_images == 0
    platform.process()
    assert platform.query("select state, size_bytes, sha256 from image_catalog.image") == [
        ("processed", len(large_picture), hashlib.sha256(large_picture).digest())
    ]


def test_an_aborted_multipart_drop_leaves_no_row(platform, large_picture):
    upload, _ = upload_parts(platform, large_picture)
    platform.object_store.s3.abort_multipart_upload(**upload)
    assert platform.register().new_images == 0
    assert platform.keys(platform.settings.raw_bucket) == set()
