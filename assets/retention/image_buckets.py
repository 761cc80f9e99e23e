"""Objects in the image buckets: whose image each is, how old it is, whether it is an orphan."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from heapq import merge
from itertools import groupby
from uuid import UUID

from assets.ingestion.bucket import raw_objects
from assets.ingestion.bucket.listing import next_position
from assets.ingestion.bucket.raw_objects import is_copy, possible_ids, retention_starts_at
from assets.resources.object_store import ObjectStore
from assets.resources.objects import ListingPage, ObjectVersion
from assets.retention_policy import is_due
from assets.settings import Settings

GRACE = timedelta(minutes=15)
"""How long an object may be stored before a row references it: longer than any run takes."""

_COPY_KEY = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})/"
    r"(?P<image>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})(/.+)?",
    re.DOTALL,
)


class ImageBucket(Enum):
    """The buckets that hold copies of images."""

    RAW = "raw"
    PROCESSED = "processed"
    QUARANTINE = "quarantine"

    def name_in(self, settings: Settings) -> str:
        """Returns the name that the settings give the bucket."""
        return dict(zip(ImageBucket, settings.image_buckets, strict=True))[self]


@dataclass(frozen=True)
class ObjectReference:
    """An object that a row references; `is_required` if the object has to exist."""

    image_id: UUID
    key: str
    version: str | None
    is_required: bool


@dataclass(frozen=True)
class LedgerSnapshot:
    """What the ledger holds about some images, as far as one bucket is concerned.

    Attributes:
        raw_keys: Key in the raw bucket by image, for images that have a row.
        references: Keys and versions that rows reference; version None stands for any version.
        leased: Images that a run or another transaction is working on; their objects are left
            alone, because objects are stored before rows are written.
    """

    raw_keys: Mapping[UUID, str]
    references: frozenset[tuple[str, str | None]]
    erased: frozenset[UUID] = frozenset()
    leased: frozenset[UUID] = frozenset()


@dataclass(frozen=True)
class RetentionClock:
    """The current time, and the age at which the purge deletes an image."""

    now: datetime
    purge_age: timedelta

    def is_due(self, arrived_at: datetime) -> bool:
        """Returns whether an image that arrived then is due."""
        return is_due(arrived_at, self.now, self.purge_age)


def list_bucket(object_store: ObjectStore, bucket: str, limit: int = 1000) -> Iterator[ListingPage]:
    """Lists all versions and delete markers by key, each once, while some are being deleted.

    A key that a page may have cut is listed completely with the next page. Only if a key has more
    versions than a page and some are deleted meanwhile, others may be left to the next listing.

    Raises `ServerError` when the store does not answer or refuses.
    """
    key: str | None = None
    version: str | None = None
    while True:
        page = object_store.page_of_versions(bucket, key, version, limit)
        key, version = next_position(page)
        if key is None:
            yield page
            return
        yield replace(
            page,
            versions=tuple(found for found in page.versions if found.key <= key),
            delete_markers=tuple(found for found in page.delete_markers if found.key <= key),
        )


def images_of(bucket: ImageBucket, found: ObjectVersion) -> tuple[UUID, ...]:
    """Returns the ids under which the ledger may know an object's image; none for foreign keys."""
    if bucket is ImageBucket.RAW:
        return possible_ids(found)
    read = _read_copy_key(found.key)
    return (read[1],) if read else ()


def arrived_by(bucket: ImageBucket, found: ObjectVersion) -> datetime:
    """Returns the latest time at which an object's image can have arrived.

    The key contains the day or the hour of arrival, and no object is older than its image.
    """
    if bucket is ImageBucket.RAW:
        return raw_objects.arrived_by(found)
    if (read := _read_copy_key(found.key)) is None:
        return found.modified_at
    return min(datetime.combine(read[0], time.max, UTC), found.modified_at)


def is_expired(bucket: ImageBucket, found: ObjectVersion, clock: RetentionClock) -> bool:
    """Returns whether an object's image is certainly due, whatever the ledger holds.

    Never in the raw bucket: a key there does not show whether it is a landed message or a drop, so
    the row decides.
    """
    return bucket is not ImageBucket.RAW and clock.is_due(arrived_by(bucket, found))


def is_orphan(
    bucket: ImageBucket, found: ObjectVersion, snapshot: LedgerSnapshot, clock: RetentionClock
) -> bool:
    """Returns whether nothing needs an object; the snapshot was read after the listing.

    A young object is none: its row may be about to be written, or a drop about to be registered. A
    copy of an erased image is one at any age; so is, when it is no longer young, what its sender
    deleted before it was registered.
    """
    images = images_of(bucket, found)
    if snapshot.references & {(found.key, found.version), (found.key, None)}:
        return False
    if not snapshot.leased.isdisjoint(images):
        return False
    if not snapshot.erased.isdisjoint(images):
        return True
    if found.modified_at > clock.now - GRACE:
        return False
    if bucket is not ImageBucket.RAW:
        return True
    if found.is_deleted or is_copy(found, snapshot.raw_keys):
        return True
    return clock.is_due(retention_starts_at(found))


def is_marker_expired(
    bucket: ImageBucket, marker: ObjectVersion, snapshot: LedgerSnapshot, clock: RetentionClock
) -> bool:
    """Returns whether a delete marker has reached the purge age, or its image was erased."""
    is_erased = not snapshot.erased.isdisjoint(images_of(bucket, marker))
    return is_erased or clock.is_due(marker.modified_at)


def differences(
    references: Iterable[ObjectReference], listed: Iterable[ObjectVersion]
) -> Iterator[ObjectReference | ObjectVersion]:
    """Yields references without an object, and objects without a reference, ordered by key.

    Both are read once, ordered by key by code point, as S3 lists. A reference without a version
    stands for any version; only the references to one key are held in memory.
    """
    merged: Iterator[ObjectReference | ObjectVersion]
    merged = merge(references, listed, key=lambda one: one.key)
    for _, group in groupby(merged, key=lambda one: one.key):
        yield from _differences_of_key(group)


def _differences_of_key(
    group: Iterable[ObjectReference | ObjectVersion],
) -> Iterator[ObjectReference | ObjectVersion]:
    """Compares the references to one key with the objects behind them in the group."""
    unseen: list[ObjectReference] = []
    versions, seen = set[str | None](), set[str | None]()
    for one in group:
        if isinstance(one, ObjectReference):
            unseen.append(one)
            versions.add(one.version)
        elif versions.isdisjoint({None, one.version}):
            yield one
        else:
            seen |= {None, one.version}
    yield from (reference for reference in unseen if reference.version not in seen)


def _read_copy_key(key: str) -> tuple[date, UUID] | None:
    """Reads the day of arrival and the image from a key in the processed or quarantine bucket."""
    if (found := _COPY_KEY.fullmatch(key)) is None:
        return None
    try:
        return date.fromisoformat(found["day"]), UUID(found["image"])
    except ValueError:
        return None
