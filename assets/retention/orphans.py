"""OrphanPurge: what is in the buckets and must not be there, found by listing them.

A listing is old as soon as it is read. So whatever goes because no row names it is looked at once
more in the transaction that holds its image, and deleted before that ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from assets.resources.object_store import ObjectMissingError, ObjectStore
from assets.resources.objects import ObjectVersion, pin_version
from assets.resources.unfinished_uploads import abort, uploads_begun_before
from assets.resources.warehouse import Warehouse
from assets.retention.image_buckets import (
    ImageBucket,
    LedgerSnapshot,
    RetentionClock,
    arrived_by,
    images_of,
    is_expired,
    is_marker_expired,
    is_orphan,
    walk,
)
from assets.retention.ledger_rows import lock_and_read, read_snapshot
from assets.retention.receipts import Copy, ProgressCallback, Tally
from assets.retention_policy import (
    ImplausiblePurgeError,
    cutoff,
    is_due,
    is_plausible,
)
from assets.settings import Settings

MAX_UPLOAD_DURATION = timedelta(days=1)
"""So long a multipart upload may take."""

_LOCK_BATCH_SIZE = 200
_HEAD_THREADS = 8


def purge_orphans(
    settings: Settings,
    object_store: ObjectStore,
    warehouse: Warehouse,
    now: datetime,
    tally: Tally,
    show: ProgressCallback = lambda _: None,
    *,
    may_take_any_share: bool = False,
) -> None:
    """Goes through all buckets of images and of logs, and deletes what must not be there.

    Args:
        settings: Names of the buckets, and the age at which an image goes.
        object_store: Where they are.
        warehouse: Where the ledger is.
        now: The present.
        tally: Counts what has gone, as it goes.
        show: Called with what each batch has deleted.
        may_take_any_share: Whether to go on however many objects of a bucket belong to no row.

    Raises:
        ImplausiblePurgeError: an implausible share of a bucket belongs to no row.
        ServerError: a server went away or refused; what could not be listed stays.
    """
    moment = RetentionClock(now, settings.purge_age)
    orphans = OrphanPurge(settings, object_store, warehouse, moment, may_take_any_share)
    for deleted in orphans.purge():
        if deleted.gone:
            tally += deleted
            show(deleted)


@dataclass(frozen=True)
class OrphanPurge:
    """Deletes orphans page by page; holds no more than a page in memory."""

    settings: Settings
    object_store: ObjectStore
    warehouse: Warehouse
    moment: RetentionClock
    may_take_any_share: bool = False

    def purge(self) -> Iterator[Tally]:
        """Yields what each batch has deleted."""
        for place in ImageBucket:
            yield from self._purge_images(place)
        yield from self._purge_logs()
        for bucket in (*self.settings.image_buckets, self.settings.logs_bucket):
            yield self._abort_uploads(bucket)

    def _purge_images(self, place: ImageBucket) -> Iterator[Tally]:
        looked_at = unaccounted = 0
        for page in walk(self.object_store, place.bucket(self.settings)):
            expired = [one for one in page.versions if self._is_expired(place, one)]
            yield self._delete(place, expired, Copy.ORPHAN_OBJECT)
            others = [one for one in page.versions if not self._is_expired(place, one)]
            snapshot = self._read_snapshot(place, (*others, *page.delete_markers))
            markers = [
                one
                for one in page.delete_markers
                if is_marker_expired(place, one, snapshot, self.moment)
            ]
            yield self._delete(place, markers, Copy.DELETE_MARKER)
            orphans = [one for one in others if self._is_orphan(place, one, snapshot)]
            looked_at += len(others)
            unaccounted += sum(_is_unaccounted(place, one, snapshot) for one in orphans)
            self._refuse_implausible(place, unaccounted, looked_at)
            for start in range(0, len(orphans), _LOCK_BATCH_SIZE):
                yield self.delete_if_orphans(place, orphans[start : start + _LOCK_BATCH_SIZE])

    def delete_if_orphans(self, place: ImageBucket, listed: Sequence[ObjectVersion]) -> Tally:
        """Deletes those of some listed objects that nothing needs, now that their images are held.

        Returns:
            What has gone.
        """
        with self.warehouse.connect() as connection:
            snapshot = lock_and_read(connection, place, _ids(place, listed))
            orphans = [one for one in listed if self._is_orphan(place, one, snapshot)]
            with ThreadPoolExecutor(_HEAD_THREADS) as threads:
                same = threads.map(lambda one: self._is_as_listed(place, one, snapshot), orphans)
                still = [one for one, is_same in zip(orphans, same, strict=True) if is_same]
            return self._delete(place, still, Copy.ORPHAN_OBJECT)

    def _refuse_implausible(self, place: ImageBucket, unaccounted: int, looked_at: int) -> None:
        """Guards against a ledger that is empty, or was restored from an old dump.

        In the raw bucket nothing goes for want of a row alone: it is due, or a copy.
        """
        if place is ImageBucket.RAW:
            return
        most, free = self.settings.purge_most_share, self.settings.purge_free_images
        if not self.may_take_any_share and not is_plausible(unaccounted, looked_at, most, free):
            raise ImplausiblePurgeError(
                f"{unaccounted:,} of {looked_at:,} objects in the {place.value} bucket belong to "
                "no row: is this the right database, and is it whole? If they are to go, let them "
                "go by `make purge ANY_SHARE=1`."
            )

    def _read_snapshot(self, place: ImageBucket, found: Sequence[ObjectVersion]) -> LedgerSnapshot:
        if not found:
            return LedgerSnapshot({}, frozenset())
        with self.warehouse.connect() as connection:
            return read_snapshot(connection, place, _ids(place, found))

    def _is_expired(self, place: ImageBucket, found: ObjectVersion) -> bool:
        return is_expired(place, found, self.moment)

    def _is_orphan(
        self, place: ImageBucket, found: ObjectVersion, snapshot: LedgerSnapshot
    ) -> bool:
        return is_orphan(place, found, snapshot, self.moment)

    def _is_as_listed(
        self, place: ImageBucket, found: ObjectVersion, snapshot: LedgerSnapshot
    ) -> bool:
        """Tells whether an object was not stored anew since it was listed.

        Only where no version tells, and no row holds back who stores it: the landing puts a
        rejected message into quarantine before its row.
        """
        if found.version is not None or not _is_unaccounted(place, found, snapshot):
            return True
        try:
            head = self.object_store.head(found.bucket, found.key)
        except ObjectMissingError:
            return False
        return head.version.modified_at <= found.modified_at

    def _purge_logs(self) -> Iterator[Tally]:
        for page in walk(self.object_store, self.settings.logs_bucket):
            due = [
                one
                for one in (*page.versions, *page.delete_markers)
                if is_due(one.modified_at, self.moment.now, self.moment.purge_age)
            ]
            self._delete_versions(self.settings.logs_bucket, due)
            yield _tally((Copy.LOG_OBJECT, one.modified_at, one.size_bytes) for one in due)

    def _abort_uploads(self, bucket: str) -> Tally:
        patience = min(MAX_UPLOAD_DURATION, self.moment.purge_age)
        tally = Tally()
        begun_by = cutoff(self.moment.now, patience)
        for upload in uploads_begun_before(self.object_store, bucket, begun_by):
            abort(self.object_store, upload)
            tally.add(Copy.UNFINISHED_UPLOAD, upload.began_at)
        return tally

    def _delete_versions(self, bucket: str, gone: Sequence[ObjectVersion]) -> None:
        self.object_store.delete(bucket, [pin_version(one.key, one.version) for one in gone])

    def _delete(self, place: ImageBucket, gone: Sequence[ObjectVersion], copy: Copy) -> Tally:
        self._delete_versions(place.bucket(self.settings), gone)
        return _tally((copy, arrived_by(place, one), one.size_bytes) for one in gone)


def _ids(place: ImageBucket, found: Sequence[ObjectVersion]) -> set[UUID]:
    return {image for one in found for image in images_of(place, one)}


def _is_unaccounted(place: ImageBucket, found: ObjectVersion, snapshot: LedgerSnapshot) -> bool:
    """Tells whether an object's image has no row, and nobody has asked for its erasure."""
    return (snapshot.raw_keys.keys() | snapshot.erased).isdisjoint(images_of(place, found))


def _tally(gone: Iterable[tuple[Copy, datetime, int]]) -> Tally:
    tally = Tally()
    for copy, arrived_at, size_bytes in gone:
        tally.add(copy, arrived_at, size_bytes)
    return tally
