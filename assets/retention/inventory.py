"""The inventory: compares all buckets with the ledger, and finds the oldest copy of each kind.

It changes nothing. While the platform works, a listing and the rows read beside it always differ a
little: each difference is looked up again, and counts only if it still exists.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from assets.platform import Platform
from assets.resources.object_store import (
    ObjectMissingError,
    ObjectUnreadableError,
    pages_of_uploads,
)
from assets.resources.objects import ObjectVersion
from assets.retention.erasure_requests import oldest_naming
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
from assets.retention.ledger_rows import read_oldest
from assets.retention.receipts import Copy

MAX_DIFFERENCES = 1000
"""Differences of a bucket are counted up to here: more of them need no exact number."""

MESSAGE = "message"
ERASURE_REQUEST = "erasure_request"

_KIND = {
    ImageBucket.RAW: Copy.RAW_OBJECT,
    ImageBucket.PROCESSED: Copy.PROCESSED_OBJECT,
    ImageBucket.QUARANTINE: Copy.QUARANTINED_OBJECT,
}
_RECHECK_BATCH_SIZE = 500
_HEAD_THREADS = 8


@dataclass
class Comparison:
    """The result of comparing a bucket with the ledger.

    Attributes:
        references: Objects that rows reference, required or not.
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


@dataclass(frozen=True)
class Inventory:
    """Reads all buckets once; holds a page and a few hundred differences in memory."""

    platform: Platform
    now: datetime

    def take(self) -> tuple[dict[ImageBucket, Comparison], Oldest]:
        """Returns the comparison of each image bucket, and the oldest copy of each kind.

        Raises `ServerError` when a server goes away or refuses: then nothing is known.
        """
        settings, store = self.platform.settings, self.platform.object_store
        with self.platform.warehouse.connect() as connection:
            oldest = Oldest({Copy.DELETE_MARKER: None, **read_oldest(connection)})
            oldest.add(ERASURE_REQUEST, oldest_naming(connection))
        compared = {bucket: self._compare(bucket, oldest) for bucket in ImageBucket}
        oldest.add(Copy.LOG_OBJECT, None)
        for page in list_bucket(store, settings.logs_bucket):
            for found in (*page.versions, *page.delete_markers):
                oldest.add(Copy.LOG_OBJECT, found.modified_at)
        oldest.add(Copy.UNFINISHED_UPLOAD, None)
        for name in (*settings.image_buckets, settings.logs_bucket):
            for uploads in pages_of_uploads(store, name):
                for upload in uploads:
                    oldest.add(Copy.UNFINISHED_UPLOAD, upload.began_at)
        return compared, oldest

    def _compare(self, bucket: ImageBucket, oldest: Oldest) -> Comparison:
        """Compares one bucket with the ledger; looks differences up again, batch by batch."""
        compared = Comparison()

        def references() -> Iterator[ObjectReference]:
            for reference in read_references(connection, bucket):
                compared.references += 1
                yield reference

        def listed() -> Iterator[ObjectVersion]:
            name = bucket.name_in(self.platform.settings)
            oldest.add(_KIND[bucket], None)
            for page in list_bucket(self.platform.object_store, name):
                for found in page.versions:
                    compared.objects += 1
                    oldest.add(_KIND[bucket], arrived_by(bucket, found))
                    yield found
                for marker in page.delete_markers:
                    oldest.add(Copy.DELETE_MARKER, marker.modified_at)

        with self.platform.warehouse.connect() as connection:
            found = differences(references(), listed())
            while batch := list(islice(found, _RECHECK_BATCH_SIZE)):
                missing = [one for one in batch if isinstance(one, ObjectReference)]
                if compared.missing < MAX_DIFFERENCES:
                    compared.missing += self._count_missing(bucket, missing)
                unknown = [one for one in batch if isinstance(one, ObjectVersion)]
                if compared.unknown < MAX_DIFFERENCES and bucket is not ImageBucket.RAW:
                    compared.unknown += self._count_unknown(bucket, unknown)
        return compared

    def _count_missing(self, bucket: ImageBucket, missing: Sequence[ObjectReference]) -> int:
        """Counts objects that do not exist although visible rows still require them.

        Objects are looked up first, because a purge hides a row before it deletes the object.
        """
        name = bucket.name_in(self.platform.settings)
        required = [one for one in missing if one.is_required]
        exist = self._exist([(name, one.key, one.version) for one in required])
        absent = {one for one, exists in zip(required, exist, strict=True) if not exists}
        if not absent:
            return 0
        images = {reference.image_id for reference in absent}
        with self.platform.warehouse.connect() as connection:
            return len(absent & read_required(connection, bucket, images))

    def _count_unknown(self, bucket: ImageBucket, unknown: Sequence[ObjectVersion]) -> int:
        """Counts objects that still exist although neither a row nor a run accounts for them."""
        clock = RetentionClock(self.now, self.platform.settings.purge_age)
        # What its sender deleted is left to the next purge; at its age it counts as too old.
        old = [one for one in unknown if one.modified_at <= self.now - GRACE and not one.is_deleted]
        if not old:
            return 0
        images = {image for one in old for image in images_of(bucket, one)}
        with self.platform.warehouse.connect() as connection:
            snapshot = read_snapshot(connection, bucket, images)
        orphans = [one for one in old if is_orphan(bucket, one, snapshot, clock)]
        return sum(self._exist([(one.bucket, one.key, one.version) for one in orphans]))

    def _exist(self, objects: Sequence[tuple[str, str, str | None]]) -> list[bool]:
        def exists(one: tuple[str, str, str | None]) -> bool:
            try:
                self.platform.object_store.head(*one)
            except ObjectUnreadableError:
                return True
            except ObjectMissingError:
                return False
            return True

        with ThreadPoolExecutor(_HEAD_THREADS) as threads:
            return list(threads.map(exists, objects))
