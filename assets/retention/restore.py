"""After a restore of the database: deletes again what was deleted since the dump was taken.

The receipts that the restored database lacks are read from the archive.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from assets.errors import DarkroomError
from assets.platform import Platform
from assets.resources.warehouse import Connection
from assets.retention import ledger_rows, receipt_store
from assets.retention.deletion import Deletion, tally_of
from assets.retention.ledger_rows import DueImage
from assets.retention.receipt_archive import ReceiptArchive
from assets.retention.receipts import (
    DeletionReason,
    ProgressCallback,
    Receipt,
    Tally,
    hash_id,
    verify,
)
from assets.retention.throttle import DeletionThrottle
from assets.retention_policy import cutoff
from assets.timing import utc_now

_BATCH_IMAGES = 1000


class BrokenArchiveError(DarkroomError):
    """The chain of archived receipts is not intact."""


@dataclass(frozen=True)
class Restore:
    """Applies the archived receipts to a restored database."""

    platform: Platform
    show: ProgressCallback = lambda _: None

    def reapply(self) -> tuple[int, Tally]:
        """Puts back missing receipts and repeats the deletions they record; can be repeated.

        Returns how many receipts were put back, and what was deleted.

        Raises:
            BrokenArchiveError: a receipt is missing from the archive or was changed; nothing was
                done.
            DeletionRefusedError: the store keeps some objects; everything else was deleted.
            ServerError: a server went away or refused.
        """
        receipts = self._read_archive()
        until = max((one.expired_until for one in receipts if one.expired_until), default=None)
        with self.platform.warehouse.connect() as connection:
            last = receipt_store.last_number(connection)
            missing = [receipt for receipt in receipts if receipt.number > last]
            for receipt in missing:
                receipt_store.insert(connection, receipt)
            if until:
                ledger_rows.advance_horizon(connection, until)
        deletion = Deletion(self.platform, DeletionThrottle())
        gone = self._delete_expired(deletion, until) if until else Tally()
        for receipt in receipts:
            if receipt.why is DeletionReason.ERASURE:
                gone += self._delete_erased(deletion, receipt)
                self._block_erased(receipt)
        deletion.refusals.raise_any(self.platform.object_store)
        return len(missing), gone

    def _read_archive(self) -> list[Receipt]:
        """Returns the archived receipts, as they were first written, after verifying them."""
        archive = ReceiptArchive.of(self.platform.settings)
        listing = archive.read_listing()
        found = dict(archive.read(listing, sorted(listing.receipts)))
        receipts = [receipt for receipt in found.values() if receipt]
        problems = [f"Object {one} is no receipt." for one in found if found[one] is None]
        problems += verify(receipts, archive.public_keys(listing))
        if problems:
            raise BrokenArchiveError(f"The archived receipts are not intact: {' '.join(problems)}")
        return receipts

    def _delete_expired(self, deletion: Deletion, until: datetime) -> Tally:
        gone = Tally()
        while True:
            with self.platform.warehouse.connect() as connection:
                kept = list(deletion.kept)
                images = ledger_rows.take_due(connection, until, _BATCH_IMAGES, kept)
                gone += self._delete(deletion, connection, images)
            if not images:
                return gone

    def _delete_erased(self, deletion: Deletion, receipt: Receipt) -> Tally:
        gone, hashes = Tally(), receipt.separate_hashes()
        with self.platform.warehouse.connect() as reading:
            for images in ledger_rows.read_images(reading, None, _BATCH_IMAGES):
                due = [one for one in images if hash_id(receipt.salt, one.image_id) in hashes]
                with self.platform.warehouse.connect() as connection:
                    ids = [image.image_id for image in due]
                    ledger_rows.record_erased(connection, ids, receipt.ended_at)
                    deletion.record_content(connection, due, receipt.ended_at)
                    gone += self._delete(deletion, connection, due)
        return gone

    def _block_erased(self, receipt: Receipt) -> None:
        """Blocks images that the dump does not know: their messages may be landed again."""
        if receipt.ended_at > cutoff(utc_now(), self.platform.settings.retention):
            hashes = receipt.separate_hashes()
            with self.platform.warehouse.connect() as connection:
                ledger_rows.record_restored(connection, receipt.salt, hashes, receipt.ended_at)

    def _delete(
        self, deletion: Deletion, connection: Connection, images: Sequence[DueImage]
    ) -> Tally:
        """Deletes images without another receipt: their deletion has one."""
        gone = Tally()
        if images:
            deleted = deletion.delete_objects(images, with_duplicates=True)
            ledger_rows.delete(connection, deleted)
            gone += tally_of(deleted)
        self.show(gone)
        return gone
