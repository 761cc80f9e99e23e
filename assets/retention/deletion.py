"""Deletion of images in parallel batches: objects first, then rows and a receipt together."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby, islice

from assets.ingestion.registry import parse_key
from assets.resources.object_store import ObjectStore
from assets.resources.objects import pin_version
from assets.resources.warehouse import Connection, Warehouse
from assets.retention import ledger_rows
from assets.retention.ledger_rows import DueImage
from assets.retention.receipt_store import issue
from assets.retention.receipts import (
    DeletionReason,
    HashedIds,
    ProgressCallback,
    ReceiptDraft,
    Tally,
)
from assets.retention.throttle import DeletionThrottle
from assets.settings import Settings

WORKERS = 4
"""Batches that are deleted at the same time."""

_BATCH_IMAGES = 1000
_DROP_ATTEMPTS = 3
_KEY_LOOKUPS_PER_PAGE = 10
"""As many keys are looked for one by one in about the time that a page of versions takes."""


@dataclass(frozen=True)
class DeletionContext:
    """Why something is deleted, and since when.

    Attributes:
        until: All that had arrived by then is due; None for an erasure.
    """

    why: DeletionReason
    began_at: datetime
    until: datetime | None
    _began: float = field(default_factory=time.monotonic)

    def now(self) -> datetime:
        """Returns the present, by the clock that it began with."""
        return self.began_at + timedelta(seconds=time.monotonic() - self._began)

    def draft(self, tally: Tally, ids: HashedIds) -> ReceiptDraft:
        """Describes what a transaction deletes."""
        return ReceiptDraft(self.why, self.began_at, self.until, ids, tally.gone)


@dataclass(frozen=True)
class Deletion:
    """Deletes images with all that belongs to them.

    Raises `ServerError` when a server goes away or refuses; what was begun is found again.

    Attributes:
        show: Called with what each batch has deleted, from several threads.
    """

    settings: Settings
    object_store: ObjectStore
    warehouse: Warehouse
    throttle: DeletionThrottle
    show: ProgressCallback = lambda _: None

    def delete(
        self, take: Callable[[Connection, int], list[DueImage]], deletion_context: DeletionContext
    ) -> Tally:
        """Deletes images as long as `take` gives some."""
        total = Tally()
        with ThreadPoolExecutor(WORKERS) as threads:
            for tally in threads.map(lambda _: self._work(take, deletion_context), range(WORKERS)):
                total += tally
        return total

    def _work(
        self, take: Callable[[Connection, int], list[DueImage]], deletion_context: DeletionContext
    ) -> Tally:
        total = Tally()
        while (gone := self._delete_batch(take, deletion_context)).by_copy:
            total += gone
        return total

    def _delete_batch(
        self, take: Callable[[Connection, int], list[DueImage]], deletion_context: DeletionContext
    ) -> Tally:
        with self.warehouse.connect() as connection:
            images = take(connection, _BATCH_IMAGES)
            if not images:
                return Tally()
            tally = self.delete_objects(
                images, with_copies=deletion_context.why is DeletionReason.ERASURE
            )
            replaced = [(key, None) for key in ledger_rows.take_replaced(connection, images)]
            self.object_store.delete(self.settings.processed_bucket, replaced)
            ledger_rows.delete(connection, images)
            ids = HashedIds()
            ids.add(image.image_id for image in images)
            issue(connection, deletion_context.draft(tally, ids), deletion_context.now())
        self.show(tally)
        return tally

    def drop(self, day: date, deletion_context: DeletionContext) -> Tally | None:
        """Deletes a day's images by dropping its partitions; None if that could not be done.

        The objects are gone even then; the rows are to be deleted in batches.
        """
        for _ in range(_DROP_ATTEMPTS):
            tally, ids = Tally(), HashedIds()
            for images in self._delete_objects_of(day):
                ids.add(image.image_id for image in images)
                tally += tally_of(images)
            with self.warehouse.connect() as connection:
                if ledger_rows.drop_day(connection, day, tally):
                    issue(connection, deletion_context.draft(tally, ids), deletion_context.now())
                    return tally
        return None

    def _delete_objects_of(self, day: date) -> Iterator[list[DueImage]]:
        """Deletes the objects of a day's images; gives these images, a batch at a time.

        While some are deleted the next are read, so that the store never waits for the ledger.
        """
        in_flight: deque[tuple[list[DueImage], Future[Tally]]] = deque()
        with self.warehouse.connect() as connection, ThreadPoolExecutor(WORKERS) as threads:
            for images in ledger_rows.read_day(connection, day, _BATCH_IMAGES):
                in_flight.append((images, threads.submit(self.delete_objects, images)))
                if len(in_flight) > 2 * WORKERS:
                    yield self._deleted(*in_flight.popleft())
            while in_flight:
                yield self._deleted(*in_flight.popleft())

    def _deleted(self, images: list[DueImage], deletion: Future[Tally]) -> list[DueImage]:
        self.show(deletion.result())
        return images

    def delete_objects(self, images: Sequence[DueImage], *, with_copies: bool = False) -> Tally:
        """Deletes the objects of images, and counts all of their copies.

        Args:
            images: Whose.
            with_copies: Also look for copies of the originals that a killed landing or a repeated
                upload has left; a purge finds those by listing the bucket.
        """
        raw = [pin_version(image.object_key, image.object_version) for image in images]
        if with_copies:
            raw = sorted({*raw, *self._copies(images)})
        processed = [(key, None) for image in images for key, _ in image.renditions]
        quarantined = [(image.quarantine_key, None) for image in images if image.quarantine_key]
        for bucket, keys in (
            (self.settings.raw_bucket, raw),
            (self.settings.processed_bucket, processed),
            (self.settings.quarantine_bucket, quarantined),
        ):
            for batch in self.throttle.batches(keys):
                self.object_store.delete(bucket, batch)
        return tally_of(images)

    def _copies(self, images: Sequence[DueImage]) -> Iterator[tuple[str, str]]:
        """Finds all versions under keys that are these images' alone."""
        keys = sorted(image.object_key for image in images if parse_key(image.object_key))
        for folder, here in groupby(keys, _folder):
            yield from self._copies_in(folder, set(here))

    def _copies_in(self, folder: str, keys: set[str]) -> Iterator[tuple[str, str]]:
        """Lists a folder, but no more of it than is quicker than looking key by key."""
        pages = self._versions(folder)
        for page in islice(pages, 1 + len(keys) // _KEY_LOOKUPS_PER_PAGE):
            yield from (one for one in page if one[0] in keys)
        if next(pages, None) is not None:
            for key in keys:
                for page in self._versions(key):
                    yield from (one for one in page if one[0] == key)

    def _versions(self, prefix: str) -> Iterator[list[tuple[str, str]]]:
        for page in self.object_store.pages_of_versions(self.settings.raw_bucket, prefix):
            found = (*page.versions, *page.delete_markers)
            yield [pin_version(one.key, one.version) for one in found]


def _folder(key: str) -> str:
    return key[: key.rindex("/") + 1]


def tally_of(images: Iterable[DueImage]) -> Tally:
    """Counts all copies of images."""
    tally = Tally()
    for image in images:
        image.tell(tally)
    return tally
