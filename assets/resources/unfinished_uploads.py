"""Multipart uploads that were started and neither completed nor aborted: S3 keeps their parts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from assets.resources.object_store import ObjectStore

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ListMultipartUploadsRequestTypeDef

_PAGE_UPLOADS = 1000


@dataclass(frozen=True)
class UnfinishedUpload:
    """One unfinished upload: its bucket, key and id, and when it was started (UTC)."""

    bucket: str
    key: str
    upload_id: str
    began_at: datetime


def pages_of_uploads(
    object_store: ObjectStore, bucket: str, limit: int = _PAGE_UPLOADS
) -> Iterator[tuple[UnfinishedUpload, ...]]:
    """Lists a bucket's unfinished uploads, up to `limit` at a time.

    Raises `ServerError` when the store does not answer or refuses.
    """
    request: ListMultipartUploadsRequestTypeDef = {"Bucket": bucket, "MaxUploads": limit}
    while True:
        with object_store.translated():
            page = object_store.s3.list_multipart_uploads(**request)
        yield tuple(
            UnfinishedUpload(
                bucket, item["Key"], item["UploadId"], item["Initiated"].astimezone(UTC)
            )
            for item in page.get("Uploads", [])
        )
        if not page["IsTruncated"]:
            return
        request["KeyMarker"] = page["NextKeyMarker"]
        request["UploadIdMarker"] = page["NextUploadIdMarker"]


def uploads_begun_before(
    object_store: ObjectStore, bucket: str, moment: datetime
) -> Iterator[UnfinishedUpload]:
    """Yields a bucket's unfinished uploads that were started at or before a time."""
    for page in pages_of_uploads(object_store, bucket):
        yield from (upload for upload in page if upload.began_at <= moment)


def abort(object_store: ObjectStore, upload: UnfinishedUpload) -> None:
    """Aborts an upload and deletes its parts; one that no longer exists is left alone.

    Raises `ServerError` when the store does not answer or refuses.
    """
    with object_store.translated(), suppress(object_store.s3.exceptions.NoSuchUpload):
        object_store.s3.abort_multipart_upload(
            Bucket=upload.bucket, Key=upload.key, UploadId=upload.upload_id
        )
