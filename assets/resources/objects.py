"""Object versions in listings and notifications of S3, as plain data."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus

from pydantic import AliasPath, AwareDatetime, BaseModel, Field

_MAX_KEY_BYTES = 1024
_MAX_SIZE_BYTES = 2**63 - 1
_NULL_VERSION = "null"
_DELETION = "ObjectRemoved:DeleteMarkerCreated"
_SEQUENCER_DIGITS = 64


@dataclass(frozen=True)
class ObjectVersion:
    """One version of one object, from a listing or a notification; times are in UTC.

    Attributes:
        version: Its version id; None in a bucket that keeps no versions.
        etag: Its entity tag without quotes.
        is_deleted: Whether a delete marker hides its key, as far as a listing shows.
    """

    bucket: str
    key: str
    version: str | None
    etag: str
    size_bytes: int
    modified_at: datetime
    is_deleted: bool = False


@dataclass(frozen=True)
class ObjectHead:
    """The metadata of one object, as its sender stored it; names are in lower case."""

    version: ObjectVersion
    metadata: Mapping[str, str]
    content_type: str | None


@dataclass(frozen=True)
class ObjectEvent:
    """An object was created, or a delete marker was, which hides all versions of its key.

    Attributes:
        order: Orders the events of a key; see `_sequencer`.
    """

    found: ObjectVersion
    is_deletion: bool
    order: str


@dataclass(frozen=True)
class Notification:
    """One queue message: the events that it reports and the handle that acknowledges it."""

    receipt_handle: str
    events: tuple[ObjectEvent, ...]


@dataclass(frozen=True)
class ListingPage:
    """One page of a bucket's versions, and where the next one begins (None: the end)."""

    versions: tuple[ObjectVersion, ...]
    delete_markers: tuple[ObjectVersion, ...]
    next_key: str | None
    next_version: str | None


def remaining(notifications: Iterable[Notification]) -> list[ObjectVersion]:
    """Returns the created objects that none of the notifications says were deleted after that."""
    events = [event for notification in notifications for event in notification.events]
    deleted: dict[tuple[str, str], str] = {}
    for event in events:
        if event.is_deletion:
            key = (event.found.bucket, event.found.key)
            deleted[key] = max(event.order, deleted.get(key, ""))
    return [
        event.found
        for event in events
        if not event.is_deletion
        and event.order >= deleted.get((event.found.bucket, event.found.key), "")
    ]


def read_events(body: str) -> tuple[ObjectEvent, ...]:
    """Returns the events that a notification's body reports; a test event reports none.

    Nor does a body that is not a notification: notifications are hints, and the listing finds what
    they leave out.

    Source: Amazon S3 User Guide, “Event message structure”: keys are URL-encoded, `+` is a space.
    """
    try:
        event = _EventBody.model_validate_json(body)
        return tuple(
            ObjectEvent(_announced(record), record.event == _DELETION, _sequencer(record))
            for record in event.records
            if record.event == _DELETION or record.event.startswith("ObjectCreated:")
        )
    except (ValueError, OverflowError):  # pydantic's own error is a ValueError
        return ()


class _EventRecord(BaseModel):
    event: str = Field(validation_alias="eventName")
    time: AwareDatetime = Field(validation_alias="eventTime")
    bucket: str = Field(validation_alias=AliasPath("s3", "bucket", "name"))
    key: str = Field(validation_alias=AliasPath("s3", "object", "key"))
    version: str | None = Field(None, validation_alias=AliasPath("s3", "object", "versionId"))
    sequencer: str = Field("", validation_alias=AliasPath("s3", "object", "sequencer"))
    etag: str = Field("", validation_alias=AliasPath("s3", "object", "eTag"))
    size_bytes: int = Field(
        0, ge=0, le=_MAX_SIZE_BYTES, validation_alias=AliasPath("s3", "object", "size")
    )


class _EventBody(BaseModel):
    records: tuple[_EventRecord, ...] = Field(validation_alias="Records")


def _sequencer(record: _EventRecord) -> str:
    """Returns what orders a key's events as text: a hexadecimal number of whatever length.

    Source: Amazon S3 User Guide, “Event message structure”: the shorter is padded on the right.
    """
    return record.sequencer.ljust(_SEQUENCER_DIGITS, "0")


def _announced(record: _EventRecord) -> ObjectVersion:
    key = unquote_plus(record.key, errors="strict")
    if len(key.encode()) > _MAX_KEY_BYTES:
        raise ValueError(f"a key has at most {_MAX_KEY_BYTES} bytes")
    return ObjectVersion(
        bucket=record.bucket,
        key=key,
        version=_version(record.version),
        etag=record.etag,
        size_bytes=record.size_bytes,
        modified_at=record.time.astimezone(UTC),
    )


def listed_version(bucket: str, item: Any, *, is_deleted: bool = False) -> ObjectVersion:
    """Reads one entry of a ListObjectVersions answer: a version or a delete marker."""
    return ObjectVersion(
        bucket=bucket,
        key=item["Key"],
        version=_version(item["VersionId"]),
        etag=item.get("ETag", "").strip('"'),
        size_bytes=item.get("Size", 0),
        modified_at=item["LastModified"].astimezone(UTC),
        is_deleted=is_deleted,
    )


def read_head(bucket: str, key: str, answer: Any) -> ObjectHead:
    """Reads the answer to a HeadObject request."""
    return ObjectHead(
        version=ObjectVersion(
            bucket=bucket,
            key=key,
            version=_version(answer.get("VersionId")),
            etag=answer["ETag"].strip('"'),
            size_bytes=answer["ContentLength"],
            modified_at=answer["LastModified"].astimezone(UTC),
        ),
        metadata=answer.get("Metadata", {}),
        content_type=answer.get("ContentType"),
    )


def pin_version(key: str, version: str | None) -> tuple[str, str]:
    """Returns what deletes a version without a delete marker; one without an id is `null`."""
    return key, version or _NULL_VERSION


def _version(version: str | None) -> str | None:
    """An object stored while its bucket keeps no versions has the version id `null`."""
    return None if version == _NULL_VERSION else version
