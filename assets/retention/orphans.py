"""Finds orphans, expired logs and unfinished uploads by listing, and deletes them.

A listing is outdated as soon as it is read. Before an orphan is deleted its image is therefore
locked and looked up again, and the object is deleted before that transaction ends.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from assets.platform import Platform
from assets.resources.object_store import ObjectMissingError, abort_upload, uploads_begun_before
from assets.resources.objects import ObjectVersion, pin_version
from assets.retention.image_buckets import (
    ImageBucket,
    LedgerSnapshot,
    RetentionClock,
    arrived_by,
    images_of,
    is_expired,
    is_marker_expired,
    is_orphan,
    list_bucket,
)
from assets.retention.ledger_references import lock_and_read, read_snapshot
from assets.retention.receipts import Copy, ProgressCallback, Tally
from assets.retention.refusals import PinnedKey, Refusals
from assets.retention.throttle import DeletionThrottle
from assets.retention_policy import ImplausiblePurgeError, cutoff, is_plausible

MAX_UPLOAD_DURATION = timedelta(days=1)
"""How long a multipart upload may take."""

_LOCK_BATCH_SIZE = 200
_HEAD_THREADS = 8


@dataclass(frozen=True)
class OrphanPurge:
    """Deletes orphans page by page; holds one page in memory.

    Attributes:
        may_take_any_share: Whether to delete however many objects of a bucket belong to no row.
        refusals: The objects that the store keeps; the caller raises them.
    """

    platform: Platform
    now: datetime
    throttle: DeletionThrottle = field(default_factory=DeletionThrottle)
    show: ProgressCallback = lambda _: None
    may_take_any_share: bool = False
    refusals: Refusals = field(default_factory=Refusals)

    def run(self, tally: Tally) -> None:
        """Deletes orphans in the image buckets, expired logs, and unfinished uploads.

        The tally counts what is deleted, batch by batch, also when the purge fails.

        Raises:
            ImplausiblePurgeError: an implausible share of a bucket belongs to no row.
            ServerError: a server went away or refused; what could not be listed is kept.
        """
        for bucket in ImageBucket:
            self._purge_images(bucket, tally)
        settings = self.platform.settings
        for page in list_bucket(self.platform.object_store, settings.logs_bucket):
            found = (*page.versions, *page.delete_markers)
            due = [one for one in found if self._clock.is_due(one.modified_at)]
            self._delete(Copy.LOG_OBJECT, due, tally)
        for name in (*settings.image_buckets, settings.logs_bucket):
            self._count(self._abort_uploads(name), tally)

    @property
    def _clock(self) -> RetentionClock:
        return RetentionClock(self.now, self.platform.settings.purge_age)

    def _purge_images(self, bucket: ImageBucket, tally: Tally) -> None:
        listed = unaccounted = 0
        clock, name = self._clock, bucket.name_in(self.platform.settings)
        for page in list_bucket(self.platform.object_store, name):
            expired = [one for one in page.versions if is_expired(bucket, one, clock)]
            self._delete(Copy.ORPHAN_OBJECT, expired, tally, bucket)
            others = [one for one in page.versions if not is_expired(bucket, one, clock)]
            snapshot = self._read_snapshot(bucket, (*others, *page.delete_markers))
            markers = [
                one
                for one in page.delete_markers
                if is_marker_expired(bucket, one, snapshot, clock)
            ]
            self._delete(Copy.DELETE_MARKER, markers, tally, bucket)
            orphans = [one for one in others if is_orphan(bucket, one, snapshot, clock)]
            listed += len(others)
            unaccounted += sum(_is_unaccounted(bucket, one, snapshot) for one in orphans)
            self._refuse_implausible(bucket, unaccounted, listed)
            for batch in self.throttle.batches(orphans):
                for start in range(0, len(batch), _LOCK_BATCH_SIZE):
                    locked = batch[start : start + _LOCK_BATCH_SIZE]
                    self._count(self.delete_if_orphans(bucket, locked), tally)

    def delete_if_orphans(self, bucket: ImageBucket, listed: Sequence[ObjectVersion]) -> Tally:
        """Deletes the listed objects that are orphans with their images locked, and counts them."""
        with self.platform.warehouse.connect() as connection:
            snapshot = lock_and_read(connection, bucket, _ids(bucket, listed))
            orphans = [one for one in listed if is_orphan(bucket, one, snapshot, self._clock)]
            with ThreadPoolExecutor(_HEAD_THREADS) as threads:
                unchanged = threads.map(
                    lambda one: self._is_unchanged(bucket, one, snapshot), orphans
                )
                still = [one for one, is_same in zip(orphans, unchanged, strict=True) if is_same]
            return self._delete_batch(Copy.ORPHAN_OBJECT, still, bucket)

    def _refuse_implausible(self, bucket: ImageBucket, unaccounted: int, listed: int) -> None:
        """Guards against a ledger that is empty, or was restored from an old dump.

        Orphans in the raw bucket are due or duplicates, never deleted for want of a row alone.
        """
        if bucket is ImageBucket.RAW or self.may_take_any_share:
            return
        settings = self.platform.settings
        limit, free = settings.purge_most_share, settings.purge_free_images
        if not is_plausible(unaccounted, listed, limit, free):
            raise ImplausiblePurgeError(
                f"{unaccounted:,} of {listed:,} objects in the {bucket.value} bucket belong to no "
                "row: this may be the wrong database, or an incomplete one. If they are to be "
                "deleted, confirm with `darkroom retention purge --any-share`."
            )

    def _read_snapshot(self, bucket: ImageBucket, found: Sequence[ObjectVersion]) -> LedgerSnapshot:
        if not found:
            return LedgerSnapshot({}, frozenset())
        with self.platform.warehouse.connect() as connection:
            return read_snapshot(connection, bucket, _ids(bucket, found))

    def _is_unchanged(
        self, bucket: ImageBucket, found: ObjectVersion, snapshot: LedgerSnapshot
    ) -> bool:
        """Returns whether an object was not stored again after it was listed.

        Asks the store only if the object has no version and its image no row to lock: the landing
        stores a rejected message in quarantine before it inserts the row.
        """
        if found.version is not None or not _is_unaccounted(bucket, found, snapshot):
            return True
        try:
            head = self.platform.object_store.head(found.bucket, found.key)
        except ObjectMissingError:
            return False
        return head.version.modified_at <= found.modified_at

    def _delete(
        self,
        copy: Copy,
        due: Sequence[ObjectVersion],
        tally: Tally,
        bucket: ImageBucket | None = None,
    ) -> None:
        for batch in self.throttle.batches(due):
            self._count(self._delete_batch(copy, batch, bucket), tally)

    def _delete_batch(
        self, copy: Copy, due: Sequence[ObjectVersion], bucket: ImageBucket | None
    ) -> Tally:
        """Deletes objects of one bucket, and counts them; without an image bucket they are logs."""
        gone = Tally()
        pinned = {pin_version(one.key, one.version): one for one in due}
        kept = set[PinnedKey]()
        if due:
            kept = self.refusals.delete(self.platform.object_store, due[0].bucket, list(pinned))
        for one in (one for key, one in pinned.items() if key not in kept):
            gone.add(copy, arrived_by(bucket, one) if bucket else one.modified_at, one.size_bytes)
        return gone

    def _abort_uploads(self, name: str) -> Tally:
        age = min(MAX_UPLOAD_DURATION, self.platform.settings.purge_age)
        store, tally = self.platform.object_store, Tally()
        for upload in uploads_begun_before(store, name, cutoff(self.now, age)):
            abort_upload(store, upload)
            tally.add(Copy.UNFINISHED_UPLOAD, upload.began_at)
        return tally

    def _count(self, gone: Tally, tally: Tally) -> None:
        if gone.by_copy:
            tally += gone
            self.show(gone)


def _ids(bucket: ImageBucket, found: Iterable[ObjectVersion]) -> set[UUID]:
    return {image for one in found for image in images_of(bucket, one)}


def _is_unaccounted(bucket: ImageBucket, found: ObjectVersion, snapshot: LedgerSnapshot) -> bool:
    """Returns whether an object's image has no row and was not erased."""
    return (snapshot.raw_keys.keys() | snapshot.erased).isdisjoint(images_of(bucket, found))
