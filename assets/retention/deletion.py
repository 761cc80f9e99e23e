"""Deletes images in parallel batches: objects first, then rows and their receipt together."""

import hashlib
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from itertools import groupby, islice
from threading import Lock
from uuid import UUID

from assets.catalog import erased
from assets.ingestion.registry import parse_key
from assets.platform import Platform
from assets.resources.object_store import ObjectMissingError
from assets.resources.objects import pin_version
from assets.resources.warehouse import Connection
from assets.retention import ledger_rows
from assets.retention.ledger_rows import DueImage
from assets.retention.receipt_store import DeletionContext
from assets.retention.receipts import Copy, DeletionReason, HashedIds, ProgressCallback, Tally
from assets.retention.refusals import PinnedKey, Refusals
from assets.retention.throttle import DeletionThrottle
from assets.validation.headers import MAX_IMAGE_BYTES

WORKERS = 4
"""Batches that are deleted at the same time."""

_BATCH_IMAGES = 1000
_DROP_ATTEMPTS = 3
_KEY_LOOKUPS_PER_PAGE = 10
"""Keys that can be looked up one by one in about the time in which a page of versions is listed."""


@dataclass(frozen=True)
class Deletion:
    """Deletes images with all their copies.

    An image stays in the ledger while the object store keeps one of its objects; `kept` holds those
    images, `refusals` the objects, and the caller raises them when it is done.

    Raises `ServerError` when a server goes away or refuses; the next purge finishes the rest.
    """

    platform: Platform
    throttle: DeletionThrottle
    show: ProgressCallback = lambda _: None
    refusals: Refusals = field(default_factory=Refusals, init=False)
    kept: dict[UUID, DueImage] = field(default_factory=dict, init=False, repr=False)
    # Two batches taken at once would divide the images between them: more receipts than needed.
    _taking: Lock = field(default_factory=Lock, init=False, repr=False)

    def delete(self, context: DeletionContext) -> Tally:
        """Deletes in batches what arrived by the cutoff; without one, what its role withdrew."""
        total = Tally()
        with ThreadPoolExecutor(WORKERS) as threads:
            for tally in threads.map(lambda _: self._work(context), range(WORKERS)):
                total += tally
        return total

    def _work(self, context: DeletionContext) -> Tally:
        total = Tally()
        while (gone := self._delete_batch(context)) is not None:
            total += gone
        return total

    def _delete_batch(self, context: DeletionContext) -> Tally | None:
        """Deletes a batch of images that are due; None if there are none but those kept."""
        with self.platform.warehouse.connect() as connection:
            is_erasure = context.reason is DeletionReason.ERASURE
            with self._taking:
                images = _take(connection, context, list(self.kept))
            if not images:
                return None
            if is_erasure:
                self.record_content(connection, images, context.began_at)
            deleted = self.delete_objects(images, with_duplicates=is_erasure)
            tally = tally_of(deleted)
            if deleted:
                replaced = [(key, None) for key in ledger_rows.take_replaced(connection, deleted)]
                bucket = self.platform.settings.processed_bucket
                self.refusals.delete(self.platform.object_store, bucket, replaced)
                ledger_rows.delete(connection, deleted)
                ids = HashedIds()
                ids.add(image.image_id for image in deleted)
                context.issue_receipt(connection, tally, ids)
        self.show(tally)
        return tally

    def drop_day(self, day: date, context: DeletionContext) -> Tally | None:
        """Deletes a UTC day's images by dropping its partitions; None if that was not possible.

        The objects are deleted even then; the rows remain to be deleted in batches.
        """
        for _ in range(_DROP_ATTEMPTS):
            tally, ids = Tally(), HashedIds()
            for images in self._delete_objects_of(day):
                ids.add(image.image_id for image in images)
                tally += tally_of(images)
            if any(one.arrived_at.astimezone(UTC).date() == day for one in self.kept.values()):
                return None
            with self.platform.warehouse.connect() as connection:
                if ledger_rows.drop_day(connection, day, tally):
                    context.issue_receipt(connection, tally, ids)
                    return tally
        return None

    def _delete_objects_of(self, day: date) -> Iterator[list[DueImage]]:
        """Yields a day's images whose objects are deleted; reads on while others are."""
        in_flight: deque[Future[list[DueImage]]] = deque()
        with (
            self.platform.warehouse.connect() as connection,
            ThreadPoolExecutor(WORKERS) as threads,
        ):
            for images in ledger_rows.read_images(connection, day, _BATCH_IMAGES):
                in_flight.append(threads.submit(self.delete_objects, images))
                if len(in_flight) > 2 * WORKERS:
                    yield self._finished(in_flight.popleft())
            while in_flight:
                yield self._finished(in_flight.popleft())

    def _finished(self, deletion: Future[list[DueImage]]) -> list[DueImage]:
        deleted = deletion.result()
        self.show(tally_of(deleted))
        return deleted

    def record_content(
        self, connection: Connection, images: Sequence[DueImage], erased_at: datetime
    ) -> None:
        """Records the content of images, so that it stays erased under other ids.

        Bytes that nobody has read yet are read; an image that is too large is none under any id.
        """
        due = {image.image_id: image for image in images}
        contents = [
            one if one.sha256 else replace(one, sha256=self._digest(due[one.image_id]))
            for one in erased.read_contents(connection, list(due))
        ]
        erased.record(connection, contents, erased_at, self.platform.settings.erasure_key)

    def _digest(self, image: DueImage) -> bytes | None:
        settings = self.platform.settings
        place = (settings.raw_bucket, image.object_key, image.object_version)
        if image.quarantine_key:
            place = (settings.quarantine_bucket, image.quarantine_key, None)
        try:
            if image.size_bytes <= MAX_IMAGE_BYTES:
                return hashlib.sha256(self.platform.object_store.get(*place)).digest()
        except ObjectMissingError:
            pass
        return None

    def delete_objects(
        self, images: Sequence[DueImage], *, with_duplicates: bool = False
    ) -> list[DueImage]:
        """Deletes the objects of images, and returns the images of which the store keeps none.

        Duplicates of the originals are only searched for on request; a purge finds them as orphans.
        """
        raw = [pin_version(image.object_key, image.object_version) for image in images]
        if with_duplicates:
            raw = sorted({*raw, *self._duplicates(images)})
        processed = [(key, None) for image in images for key, _ in image.renditions]
        quarantined = [(image.quarantine_key, None) for image in images if image.quarantine_key]
        settings = self.platform.settings
        keys: tuple[Sequence[tuple[str, str | None]], ...] = (raw, processed, quarantined)
        store, kept = self.platform.object_store, set[PinnedKey]()
        for bucket, of_bucket in zip(settings.image_buckets, keys, strict=True):
            for batch in self.throttle.batches(of_bucket):
                kept |= self.refusals.delete(store, bucket, batch)
        if not kept:
            return list(images)
        self.kept.update((one.image_id, one) for one in images if not kept.isdisjoint(_keys(one)))
        return [one for one in images if one.image_id not in self.kept]

    def _duplicates(self, images: Sequence[DueImage]) -> Iterator[tuple[str, str]]:
        """Finds all versions of the keys that belong to one image alone."""
        keys = sorted(image.object_key for image in images if parse_key(image.object_key))
        for folder, group in groupby(keys, lambda key: key[: key.rindex("/") + 1]):
            yield from self._versions_in(folder, set(group))

    def _versions_in(self, folder: str, keys: set[str]) -> Iterator[tuple[str, str]]:
        """Lists a folder as long as that is faster than looking up each key."""
        pages = self._versions(folder)
        for page in islice(pages, 1 + len(keys) // _KEY_LOOKUPS_PER_PAGE):
            yield from (one for one in page if one[0] in keys)
        if next(pages, None) is not None:
            for key in keys:
                for page in self._versions(key):
                    yield from (one for one in page if one[0] == key)

    def _versions(self, prefix: str) -> Iterator[list[tuple[str, str]]]:
        bucket = self.platform.settings.raw_bucket
        for page in self.platform.object_store.pages_of_versions(bucket, prefix):
            found = (*page.versions, *page.delete_markers)
            yield [pin_version(one.key, one.version) for one in found]


def _take(
    connection: Connection, context: DeletionContext, kept: Collection[UUID]
) -> list[DueImage]:
    if context.until is None:
        return ledger_rows.take_withdrawn(connection, context.requested_by, _BATCH_IMAGES, kept)
    return ledger_rows.take_due(connection, context.until, _BATCH_IMAGES, kept)


def _keys(image: DueImage) -> set[PinnedKey]:
    keys: set[PinnedKey] = {pin_version(image.object_key, image.object_version)}
    keys |= {(key, None) for key, _ in image.renditions}
    return keys | ({(image.quarantine_key, None)} if image.quarantine_key else set())


def tally_of(images: Iterable[DueImage]) -> Tally:
    """Counts all copies of images, with the time of arrival."""
    tally = Tally()
    for image in images:
        tally.add(Copy.LEDGER_ROW, image.arrived_at)
        tally.add(Copy.RAW_OBJECT, image.arrived_at, image.size_bytes)
        if image.quarantine_key:
            tally.add(Copy.QUARANTINED_OBJECT, image.arrived_at, image.size_bytes)
        for _, size_bytes in image.renditions:
            tally.add(Copy.RENDITION_ROW, image.arrived_at)
            tally.add(Copy.PROCESSED_OBJECT, image.arrived_at, size_bytes)
    return tally
