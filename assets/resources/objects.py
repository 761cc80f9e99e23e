"""What S3 tells of objects: versions in listings, and notifications of new ones, as plain data."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus


@dataclass(frozen=True)
class ObjectVersion:
    """One version of one object, as a listing or a notification tells of it.

    Attributes:
        bucket: Its bucket.
        key: Its key, decoded.
        version: Its version id; None in a bucket that keeps no versions.
        etag: Its entity tag without quotes.
        size_bytes: Its length.
        modified_at: When it was stored (UTC).
    """

    bucket: str
    key: str
    version: str | None
    etag: str
    size_bytes: int
    modified_at: datetime


@dataclass(frozen=True)
class Notification:
    """One queue message: the objects it tells of and the handle that acknowledges it."""

    receipt_handle: str
    created: tuple[ObjectVersion, ...]


@dataclass(frozen=True)
class ListingPage:
    """One page of a bucket's versions, and where the next one begins (None: the end)."""

    versions: tuple[ObjectVersion, ...]
    delete_markers: tuple[ObjectVersion, ...]
    next_key: str | None
    next_version: str | None


def objects_created(body: str) -> tuple[ObjectVersion, ...]:
    """Reads the objects that a notification's body tells of; a test event tells of none.

    A body that is no notification tells of none either: notifications are hints, and the listing
    finds what they leave out.

    Source: Amazon S3 User Guide, “Event message structure”: keys are URL-encoded, `+` is a space.
    """
    try:
        return _objects_created(json.loads(body)["Records"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return ()


def _objects_created(records: Any) -> tuple[ObjectVersion, ...]:
    return tuple(
        ObjectVersion(
            bucket=record["s3"]["bucket"]["name"],
            key=unquote_plus(record["s3"]["object"]["key"]),
            version=_version(record["s3"]["object"].get("versionId")),
            etag=record["s3"]["object"].get("eTag", ""),
            size_bytes=record["s3"]["object"].get("size", 0),
            modified_at=datetime.fromisoformat(record["eventTime"]),
        )
        for record in records
        if record["eventName"].startswith("ObjectCreated:")
    )


def listed_version(bucket: str, item: Any) -> ObjectVersion:
    """Reads one entry of a ListObjectVersions answer: a version or a delete marker."""
    return ObjectVersion(
        bucket=bucket,
        key=item["Key"],
        version=_version(item["VersionId"]),
        etag=item.get("ETag", "").strip('"'),
        size_bytes=item.get("Size", 0),
        modified_at=item["LastModified"].astimezone(UTC),
    )


def _version(version: str | None) -> str | None:
    """An object stored while its bucket keeps no versions has the version id `null`."""
    return None if version == "null" else version
