"""What an object of an image bucket is to the ledger: needed, or a orphan. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
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
"""So long an object may be stored before a row names it: longer than any run takes for that."""

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

    def bucket(self, settings: Settings) -> str:
        """Returns the bucket's name."""
        return dict(zip(ImageBucket, settings.image_buckets, strict=True))[self]


@dataclass(frozen=True)
class ObjectReference:
    """An object that a row names; `is_required` where it must be there."""

    image_id: UUID
    key: str
    version: str | None
    is_required: bool


@dataclass(frozen=True)
class LedgerSnapshot:
    """What the ledger has of some images, in one of the buckets.

    Attributes:
        raw_keys: Key in the raw bucket by image, of those that have a row.
        named: Keys and versions in the bucket that a row names; None where it names no version.
        erased: Images that must not become known again.
        leased: Images to be left alone: a run holds them, whose objects come before its rows.
    """

    raw_keys: Mapping[UUID, str]
    named: frozenset[tuple[str, str | None]]
    erased: frozenset[UUID] = frozenset()
    leased: frozenset[UUID] = frozenset()


@dataclass(frozen=True)
class RetentionClock:
    """The present, and the age at which retention takes an image by then."""

    now: datetime
    purge_age: timedelta


def images_of(place: ImageBucket, found: ObjectVersion) -> tuple[UUID, ...]:
    """Returns the ids under which the ledger may know an object's image; none for foreign keys."""
    if place is ImageBucket.RAW:
        return possible_ids(found)
    read = _read_copy_key(found.key)
    return (read[1],) if read else ()


def arrived_by(place: ImageBucket, found: ObjectVersion) -> datetime:
    """Returns when an object's image had arrived at the latest, as far as its key tells.

    The key tells the day, or the hour; the object itself cannot be older than its image.
    """
    if place is not ImageBucket.RAW:
        read = _read_copy_key(found.key)
        return (
            min(datetime.combine(read[0], time.max, UTC), found.modified_at)
            if read
            else (found.modified_at)
        )
    return raw_objects.arrived_by(found)


def is_expired(place: ImageBucket, found: ObjectVersion, moment: RetentionClock) -> bool:
    """Tells whether an object is to go whatever the ledger says: its image is certainly due.

    In the raw bucket the row is asked first: whether a key there is the landing's or somebody's
    drop is not for the key to say.
    """
    if place is ImageBucket.RAW:
        return False
    return is_due(arrived_by(place, found), moment.now, moment.purge_age)


def is_orphan(
    place: ImageBucket, found: ObjectVersion, snapshot: LedgerSnapshot, moment: RetentionClock
) -> bool:
    """Tells whether an object is to go because nothing needs it.

    What is too young is left: its row may be about to be written, and a drop about to be
    registered. A copy of an erased image is never too young.

    Args:
        place: Where the object is.
        found: The object, as a listing tells of it.
        snapshot: What the ledger has of its images, read after it was listed.
        moment: The present.
    """
    images = images_of(place, found)
    if is_referenced(found, snapshot) or not snapshot.leased.isdisjoint(images):
        return False
    if not snapshot.erased.isdisjoint(images):
        return True
    if found.modified_at > moment.now - GRACE:
        return False
    if place is not ImageBucket.RAW:
        return True
    is_overdue = is_due(retention_starts_at(found), moment.now, moment.purge_age)
    return is_overdue or is_copy(found, snapshot.raw_keys)


def is_referenced(found: ObjectVersion, snapshot: LedgerSnapshot) -> bool:
    """Tells whether a row names an object, or its key whatever the version."""
    return not snapshot.named.isdisjoint({(found.key, found.version), (found.key, None)})


def is_marker_expired(
    place: ImageBucket, marker: ObjectVersion, snapshot: LedgerSnapshot, moment: RetentionClock
) -> bool:
    """Tells whether a delete marker is to go: it has reached the age, or its image is erased."""
    is_erased = not snapshot.erased.isdisjoint(images_of(place, marker))
    return is_erased or is_due(marker.modified_at, moment.now, moment.purge_age)


def _read_copy_key(key: str) -> tuple[date, UUID] | None:
    """Reads day of arrival and image of a key in the processed or the quarantine bucket."""
    if (found := _COPY_KEY.fullmatch(key)) is None:
        return None
    try:
        return date.fromisoformat(found["day"]), UUID(found["image"])
    except ValueError:
        return None


def walk(object_store: ObjectStore, bucket: str, limit: int = 1000) -> Iterator[ListingPage]:
    """Lists all versions and delete markers of a bucket, up to `limit` at a time, each once.

    A key that a page may have cut comes whole with the next one. Only of a key with more versions
    than a page, of which some are deleted meanwhile, the rest may be left to the next walk.

    Raises `ServerError` when the store does not answer or refuses: what was not listed is unknown,
    and never taken for gone.
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


def differences(
    names: Iterable[ObjectReference], listed: Iterable[ObjectVersion]
) -> Iterator[ObjectReference | ObjectVersion]:
    """Yields names without an object, and objects without a name, in the order of their keys.

    Both are read once and side by side; in memory is what rows name under one key. A name without
    a version is for whatever has its key.

    Args:
        names: In the order of their keys by code point, which is that of their bytes in UTF-8.
        listed: In the same order, as S3 lists.
    """
    named = groupby(names, key=lambda one: one.key)
    found = groupby(listed, key=lambda one: one.key)
    name, there = next(named, None), next(found, None)
    while name is not None or there is not None:
        if there is None or (name is not None and name[0] < there[0]):
            yield from name[1] if name else ()
            name = next(named, None)
        elif name is None or there[0] < name[0]:
            yield from there[1]
            there = next(found, None)
        else:
            yield from _under_one_key(name[1], there[1])
            name, there = next(named, None), next(found, None)


def _under_one_key(
    names: Iterable[ObjectReference], listed: Iterable[ObjectVersion]
) -> Iterator[ObjectReference | ObjectVersion]:
    all_names = list(names)
    versions = {name.version for name in all_names}
    seen = set[str | None]()
    for found in listed:
        if None not in versions and found.version not in versions:
            yield found
        seen |= {None, found.version} & versions
    yield from (name for name in all_names if name.version not in seen)
