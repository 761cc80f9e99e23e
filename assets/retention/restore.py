"""After a restore: what was deleted since the dump was taken is deleted again, by the receipts.

The receipts that the restored database lacks are read from the archive.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from assets.errors import DarkroomError
from assets.resources.object_store import ObjectStore
from assets.resources.warehouse import Connection, Warehouse
from assets.retention import ledger_rows, receipt_store
from assets.retention.deletion import Deletion, tally_of
from assets.retention.receipts import (
    ID_HASH_BYTES,
    DeletionReason,
    ProgressCallback,
    Receipt,
    Tally,
    hash_id,
    verify,
)
from assets.retention.throttle import unthrottled
from assets.settings import Settings

_BATCH_IMAGES = 1000


class BrokenArchiveError(DarkroomError):
    """The archived receipts cannot be relied on."""


@dataclass(frozen=True)
class Reapplied:
    """What was done to a restored database: receipts put back, and what was deleted again."""

    receipts: int
    gone: Tally


@dataclass(frozen=True)
class Restore:
    """Brings a restored database to what the receipts say."""

    settings: Settings
    object_store: ObjectStore
    warehouse: Warehouse
    show: ProgressCallback = lambda _: None

    def reapply(self) -> Reapplied:
        """Puts back the missing receipts and deletes again what they tell of; repeatable.

        Raises:
            BrokenArchiveError: the archive's chain has a hole or was changed; nothing was done.
            ServerError: a server went away or refused.
        """
        receipts = list(
            receipt_store.read_archive(self.object_store, self.settings.receipts_bucket)
        )
        if wrong := verify(receipts):
            raise BrokenArchiveError(f"The archived receipts are not intact: {' '.join(wrong)}")
        with self.warehouse.connect() as connection:
            last = receipt_store.last_number(connection)
            lacking = [receipt for receipt in receipts if receipt.number > last]
            for receipt in lacking:
                receipt_store.insert(connection, receipt)
            if until := _expired_until(receipts):
                ledger_rows.advance_horizon(connection, until)
        gone = Tally()
        if until:
            gone += self._delete_expired(until)
        for receipt in receipts:
            if receipt.why is DeletionReason.ERASURE:
                gone += self._delete_erased(receipt)
        return Reapplied(len(lacking), gone)

    def _delete_expired(self, until: datetime) -> Tally:
        gone = Tally()
        while True:
            with self.warehouse.connect() as connection:
                images = ledger_rows.take_expired(connection, until, _BATCH_IMAGES)
                gone += self._delete(connection, images)
            if not images:
                return gone

    def _delete_erased(self, receipt: Receipt) -> Tally:
        wanted = set(_hashes(receipt))
        gone = Tally()
        with self.warehouse.connect() as reading:
            for images in ledger_rows.read_all(reading, _BATCH_IMAGES):
                due = [one for one in images if hash_id(receipt.salt, one.image_id) in wanted]
                with self.warehouse.connect() as connection:
                    ids = [image.image_id for image in due]
                    ledger_rows.record_erased(connection, ids, receipt.ended_at)
                    gone += self._delete(connection, due)
        return gone

    def _delete(self, connection: Connection, images: Sequence[ledger_rows.DueImage]) -> Tally:
        """Deletes images without a new receipt: there is one already."""
        if images:
            deletion = Deletion(self.settings, self.object_store, self.warehouse, unthrottled())
            deletion.delete_objects(images, with_copies=True)
            ledger_rows.delete(connection, images)
        gone = tally_of(images)
        self.show(gone)
        return gone


def _expired_until(receipts: Sequence[Receipt]) -> datetime | None:
    return max((one.expired_until for one in receipts if one.expired_until), default=None)


def _hashes(receipt: Receipt) -> Iterator[bytes]:
    for at in range(0, len(receipt.id_hashes), ID_HASH_BYTES):
        yield receipt.id_hashes[at : at + ID_HASH_BYTES]
