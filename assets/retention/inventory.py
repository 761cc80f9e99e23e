"""The inventory: all that is in the buckets, how old it is, and whether it agrees with the ledger.

It reads and changes nothing. While the platform runs, a listing and the rows read beside it always
differ a little: what differs is looked at again, and counts only if it still does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime

from assets.counts import Counts
from assets.resources.object_store import ObjectMissingError, ObjectStore
from assets.resources.objects import ListingPage, ObjectVersion
from assets.resources.unfinished_uploads import pages_of_uploads
from assets.resources.warehouse import Connection, Warehouse
from assets.retention.image_buckets import (
    GRACE,
    ImageBucket,
    ObjectReference,
    RetentionClock,
    arrived_by,
    differences,
    images_of,
    is_orphan,
    walk,
)
from assets.retention.ledger_rows import read_references, read_required, read_snapshot
from assets.retention.receipts import Copy
from assets.settings import Settings

MAX_DIFFERENCES = 1000
"""So many differences of a bucket are counted; who has as many need not know how many more."""

_RECHECK_BATCH_SIZE = 500
_HEAD_THREADS = 8


@dataclass(frozen=True)
class Comparison(Counts):
    """What a comparison saw.

    Attributes:
        names: Objects that rows name, those that need not be there included.
        objects: Object versions in the bucket.
        missing: Named objects that should be there and are not.
        unknown: Objects that no row names; in the raw bucket they are for its audit to find.
    """

    names: int = 0
    objects: int = 0
    missing: int = 0
    unknown: int = 0


@dataclass
class _Seen:
    """Counts what passes by, and gathers what differs until it is worth to look again."""

    names: int = 0
    objects: int = 0
    missing: list[ObjectReference] = field(default_factory=list)
    unknown: list[ObjectVersion] = field(default_factory=list)


@dataclass(frozen=True)
class Inventory:
    """Goes through all buckets once; holds no more than a page and a few hundred differences."""

    settings: Settings
    object_store: ObjectStore
    warehouse: Warehouse
    moment: RetentionClock

    def take(self) -> tuple[dict[ImageBucket, Comparison], Oldest]:
        """Returns what the comparison of every bucket saw, and the oldest of every kind of copy.

        Raises `ServerError` when a server goes away or refuses: then nothing is known.
        """
        oldest = Oldest({Copy.DELETE_MARKER: None})
        with self.warehouse.connect() as connection:
            oldest.see_rows(connection)
        compared = {place: self._compare(place, oldest) for place in ImageBucket}
        self._inspect_logs(oldest)
        self._inspect_uploads(oldest)
        return compared, oldest

    def _compare(self, place: ImageBucket, oldest: Oldest) -> Comparison:
        seen, found = _Seen(), Comparison()
        with self.warehouse.connect() as connection:
            names = self._counted_names(read_references(connection, place), seen)
            listed = self._counted_objects(place, seen, oldest)
            for one in differences(names, listed):
                _gather(one, place, seen)
                if max(len(seen.missing), len(seen.unknown)) >= _RECHECK_BATCH_SIZE:
                    found += self._recheck(place, seen, found)
        found += self._recheck(place, seen, found)
        return found + Comparison(seen.names, seen.objects)

    def _counted_names(
        self, names: Iterable[ObjectReference], seen: _Seen
    ) -> Iterator[ObjectReference]:
        for name in names:
            seen.names += 1
            yield name

    def _counted_objects(
        self, place: ImageBucket, seen: _Seen, oldest: Oldest
    ) -> Iterator[ObjectVersion]:
        oldest.see(OBJECTS[place], None)
        for page in walk(self.object_store, place.bucket(self.settings)):
            oldest.see_page(place, page)
            seen.objects += len(page.versions)
            yield from page.versions

    def _recheck(self, place: ImageBucket, seen: _Seen, found: Comparison) -> Comparison:
        """Counts those gathered differences that are still there, and forgets them all."""
        missing, unknown = seen.missing, seen.unknown
        seen.missing, seen.unknown = [], []
        return Comparison(
            missing=self._count_missing(place, missing) if found.missing < MAX_DIFFERENCES else 0,
            unknown=self._count_unknown(place, unknown) if found.unknown < MAX_DIFFERENCES else 0,
        )

    def _count_missing(self, place: ImageBucket, names: Sequence[ObjectReference]) -> int:
        """Counts objects that are not there while a row that readers see still names them.

        The object is looked for first: a purge hides the row before it deletes the object.
        """
        if not names:
            return 0
        bucket = place.bucket(self.settings)
        with ThreadPoolExecutor(_HEAD_THREADS) as threads:
            there = threads.map(lambda one: self._is_there(bucket, one.key, one.version), names)
            absent = [name for name, is_there in zip(names, there, strict=True) if not is_there]
        with self.warehouse.connect() as connection:
            wanted = read_required(connection, place, {name.image_id for name in absent})
        return len(wanted.intersection(absent))

    def _count_unknown(self, place: ImageBucket, listed: Sequence[ObjectVersion]) -> int:
        """Counts objects that are there still, though neither a row nor a run accounts for them."""
        if not listed:
            return 0
        ids = {image for one in listed for image in images_of(place, one)}
        with self.warehouse.connect() as connection:
            snapshot = read_snapshot(connection, place, ids)
        orphans = [
            one
            for one in listed
            if one.modified_at <= self.moment.now - GRACE
            and is_orphan(place, one, snapshot, self.moment)
        ]
        with ThreadPoolExecutor(_HEAD_THREADS) as threads:
            return sum(
                threads.map(lambda one: self._is_there(one.bucket, one.key, one.version), orphans)
            )

    def _is_there(self, bucket: str, key: str, version: str | None) -> bool:
        try:
            self.object_store.head(bucket, key, version)
        except ObjectMissingError:
            return False
        return True

    def _inspect_logs(self, oldest: Oldest) -> None:
        oldest.see(Copy.LOG_OBJECT, None)
        for page in walk(self.object_store, self.settings.logs_bucket):
            for found in (*page.versions, *page.delete_markers):
                oldest.see(Copy.LOG_OBJECT, found.modified_at)

    def _inspect_uploads(self, oldest: Oldest) -> None:
        oldest.see(Copy.UNFINISHED_UPLOAD, None)
        for bucket in (*self.settings.image_buckets, self.settings.logs_bucket):
            for page in pages_of_uploads(self.object_store, bucket):
                for upload in page:
                    oldest.see(Copy.UNFINISHED_UPLOAD, upload.began_at)


def _gather(one: ObjectReference | ObjectVersion, place: ImageBucket, seen: _Seen) -> None:
    if isinstance(one, ObjectVersion):
        if place is not ImageBucket.RAW:
            seen.unknown.append(one)
    elif one.is_required:
        seen.missing.append(one)


MESSAGE = "message"
WITHDRAWN_ROW = "withdrawn_row"

OBJECTS = {
    ImageBucket.RAW: Copy.RAW_OBJECT,
    ImageBucket.PROCESSED: Copy.PROCESSED_OBJECT,
    ImageBucket.QUARANTINE: Copy.QUARANTINED_OBJECT,
}


@dataclass
class Oldest:
    """When the oldest of every kind came, as far as was looked; None: there is none of it.

    A row tells when its image arrived. Of an object only its key tells, to the day or the hour, and
    the store when it was put: it came then at the latest.
    """

    by_kind: dict[str, datetime | None] = field(default_factory=dict)

    def see(self, kind: str, at: datetime | None) -> None:
        """Notes that there is one of a kind that came then, or that there may be none."""
        before = self.by_kind.get(kind)
        both = [moment for moment in (before, at) if moment is not None]
        self.by_kind[kind] = min(both, default=None)

    def see_page(self, place: ImageBucket, page: ListingPage) -> None:
        """Notes what a page of a bucket of images holds."""
        for found in page.versions:
            self.see(OBJECTS[place], arrived_by(place, found))
        for marker in page.delete_markers:
            self.see(Copy.DELETE_MARKER, marker.modified_at)

    def see_rows(self, connection: Connection) -> None:
        """Notes what the ledger holds, visible or not."""
        [(image, rendition, withdrawn)] = connection.execute(
            """
            select
                (select min(arrived_at) from image_catalog.image),
                (select min(arrived_at) from image_catalog.rendition),
                (select min(arrived_at) from image_catalog.image where withdrawn_at is not null)
            """
        )
        self.see(Copy.LEDGER_ROW, image)  # type: ignore[arg-type]
        self.see(Copy.RENDITION_ROW, rendition)  # type: ignore[arg-type]
        self.see(WITHDRAWN_ROW, withdrawn)  # type: ignore[arg-type]
