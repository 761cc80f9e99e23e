"""The inventory: compares all buckets with the ledger, and finds the oldest copy of each kind.

It changes nothing. While the platform works, a listing and the rows read beside it always differ a
little: each difference is looked up again, and counts only if it still exists.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime

from assets.platform import Platform
from assets.resources.object_store import ObjectMissingError
from assets.resources.objects import ListingPage, ObjectVersion
from assets.resources.unfinished_uploads import pages_of_uploads
from assets.retention.image_buckets import (
    GRACE,
    ImageBucket,
    ObjectReference,
    RetentionClock,
    arrived_by,
    differences,
    images_of,
    is_orphan,
    list_bucket,
)
from assets.retention.ledger_references import read_references, read_required, read_snapshot
from assets.retention.ledger_rows import OldestRows, read_oldest
from assets.retention.receipts import Copy

MAX_DIFFERENCES = 1000
"""Differences of a bucket are counted up to here: more of them need no exact number."""

MESSAGE = "message"
WITHDRAWN_ROW = "withdrawn_row"

_KIND = {
    ImageBucket.RAW: Copy.RAW_OBJECT,
    ImageBucket.PROCESSED: Copy.PROCESSED_OBJECT,
    ImageBucket.QUARANTINE: Copy.QUARANTINED_OBJECT,
}
_RECHECK_BATCH_SIZE = 500
_HEAD_THREADS = 8


@dataclass(frozen=True)
class Comparison:
    """The result of comparing a bucket with the ledger.

    Attributes:
        references: Objects that rows reference, required or not.
        objects: Object versions in the bucket.
        missing: Required objects that do not exist.
        unknown: Orphans; not counted in the raw bucket, whose own audit finds them.
    """

    references: int = 0
    objects: int = 0
    missing: int = 0
    unknown: int = 0


@dataclass
class Oldest:
    """When the oldest copy of each kind arrived (UTC); None if there is no copy of a kind.

    A row holds the time of arrival. The time of an object is the latest that its key and the time
    at which it was stored allow.
    """

    by_kind: dict[str, datetime | None] = field(default_factory=dict)

    def add(self, kind: str, at: datetime | None) -> None:
        """Records a copy of a kind that arrived then, or that there may be none."""
        times = [one for one in (self.by_kind.get(kind), at) if one is not None]
        self.by_kind[kind] = min(times, default=None)

    def add_page(self, bucket: ImageBucket, page: ListingPage) -> None:
        """Records the versions and delete markers on a page of an image bucket."""
        for found in page.versions:
            self.add(_KIND[bucket], arrived_by(bucket, found))
        for marker in page.delete_markers:
            self.add(Copy.DELETE_MARKER, marker.modified_at)

    def add_rows(self, rows: OldestRows) -> None:
        """Records the rows of the ledger."""
        self.add(Copy.LEDGER_ROW, rows.image)
        self.add(Copy.RENDITION_ROW, rows.rendition)
        self.add(WITHDRAWN_ROW, rows.withdrawn)


@dataclass(frozen=True)
class Inventory:
    """Reads all buckets once; holds a page and a few hundred differences in memory."""

    platform: Platform
    now: datetime

    def take(self) -> tuple[dict[ImageBucket, Comparison], Oldest]:
        """Returns the comparison of each image bucket, and the oldest copy of each kind.

        Raises `ServerError` when a server goes away or refuses: then nothing is known.
        """
        oldest = Oldest({Copy.DELETE_MARKER: None})
        with self.platform.warehouse.connect() as connection:
            oldest.add_rows(read_oldest(connection))
        clock = RetentionClock(self.now, self.platform.settings.purge_age)
        compared = {
            bucket: _BucketComparison(self.platform, bucket, clock, oldest).run()
            for bucket in ImageBucket
        }
        self._add_logs(oldest)
        self._add_uploads(oldest)
        return compared, oldest

    def _add_logs(self, oldest: Oldest) -> None:
        oldest.add(Copy.LOG_OBJECT, None)
        for page in list_bucket(self.platform.object_store, self.platform.settings.logs_bucket):
            for found in (*page.versions, *page.delete_markers):
                oldest.add(Copy.LOG_OBJECT, found.modified_at)

    def _add_uploads(self, oldest: Oldest) -> None:
        oldest.add(Copy.UNFINISHED_UPLOAD, None)
        settings = self.platform.settings
        for name in (*settings.image_buckets, settings.logs_bucket):
            for page in pages_of_uploads(self.platform.object_store, name):
                for upload in page:
                    oldest.add(Copy.UNFINISHED_UPLOAD, upload.began_at)


@dataclass
class _BucketComparison:
    """Compares one bucket with the ledger; gathers differences, looks them up again, counts."""

    platform: Platform
    bucket: ImageBucket
    clock: RetentionClock
    oldest: Oldest
    references: int = 0
    objects: int = 0
    missing: int = 0
    unknown: int = 0
    _maybe_missing: list[ObjectReference] = field(default_factory=list)
    _maybe_unknown: list[ObjectVersion] = field(default_factory=list)

    def run(self) -> Comparison:
        with self.platform.warehouse.connect() as connection:
            references = self._counted(read_references(connection, self.bucket))
            for one in differences(references, self._listed()):
                if isinstance(one, ObjectReference):
                    if one.is_required:
                        self._maybe_missing.append(one)
                elif self.bucket is not ImageBucket.RAW:
                    self._maybe_unknown.append(one)
                if max(len(self._maybe_missing), len(self._maybe_unknown)) >= _RECHECK_BATCH_SIZE:
                    self._recheck()
        self._recheck()
        return Comparison(self.references, self.objects, self.missing, self.unknown)

    def _counted(self, references: Iterator[ObjectReference]) -> Iterator[ObjectReference]:
        for reference in references:
            self.references += 1
            yield reference

    def _listed(self) -> Iterator[ObjectVersion]:
        self.oldest.add(_KIND[self.bucket], None)
        name = self.bucket.name_in(self.platform.settings)
        for page in list_bucket(self.platform.object_store, name):
            self.oldest.add_page(self.bucket, page)
            self.objects += len(page.versions)
            yield from page.versions

    def _recheck(self) -> None:
        """Counts the gathered differences that still exist, and drops them."""
        if self.missing < MAX_DIFFERENCES:
            self.missing += self._count_missing()
        if self.unknown < MAX_DIFFERENCES:
            self.unknown += self._count_unknown()
        self._maybe_missing, self._maybe_unknown = [], []

    def _count_missing(self) -> int:
        """Counts objects that do not exist although visible rows still reference them.

        Objects are looked up first, because a purge hides a row before it deletes the object.
        """
        name = self.bucket.name_in(self.platform.settings)
        with ThreadPoolExecutor(_HEAD_THREADS) as threads:
            exist = threads.map(
                lambda one: self._exists(name, one.key, one.version), self._maybe_missing
            )
            absent = {
                one for one, exists in zip(self._maybe_missing, exist, strict=True) if not exists
            }
        if not absent:
            return 0
        images = {reference.image_id for reference in absent}
        with self.platform.warehouse.connect() as connection:
            return len(absent & read_required(connection, self.bucket, images))

    def _count_unknown(self) -> int:
        """Counts objects that still exist although neither a row nor a run accounts for them."""
        old = [one for one in self._maybe_unknown if one.modified_at <= self.clock.now - GRACE]
        if not old:
            return 0
        images = {image for one in old for image in images_of(self.bucket, one)}
        with self.platform.warehouse.connect() as connection:
            snapshot = read_snapshot(connection, self.bucket, images)
        orphans = [one for one in old if is_orphan(self.bucket, one, snapshot, self.clock)]
        with ThreadPoolExecutor(_HEAD_THREADS) as threads:
            return sum(
                threads.map(lambda one: self._exists(one.bucket, one.key, one.version), orphans)
            )

    def _exists(self, bucket: str, key: str, version: str | None) -> bool:
        try:
            self.platform.object_store.head(bucket, key, version)
        except ObjectMissingError:
            return False
        return True
