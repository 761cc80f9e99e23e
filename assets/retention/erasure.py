"""Erasure on demand: deletes selected images with all their copies, before they are due."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from assets.ingestion.registry import source_names
from assets.platform import Platform
from assets.retention import ledger_rows
from assets.retention.deletion import Deletion
from assets.retention.ledger_rows import ErasureSelection, ErasureSelectionError
from assets.retention.receipt_store import DeletionContext, archive_receipts
from assets.retention.receipts import DeletionReason, ProgressCallback, Tally
from assets.retention.throttle import DeletionThrottle

_BATCH_IMAGES = 2000
_RETRY_SECONDS = 0.1


@dataclass(frozen=True)
class Erasure:
    """Deletes selected images: rows, objects, and duplicates of their objects.

    Messages that Kafka's brokers still hold stay there until the topic's own retention deletes
    them; the platform never lands them again.
    """

    platform: Platform
    show: ProgressCallback = lambda _: None

    def count(self, selection: ErasureSelection) -> int:
        """Returns how many images in the ledger are selected."""
        with self.platform.warehouse.connect() as connection:
            return ledger_rows.count_selected(connection, selection)

    def run(self, selection: ErasureSelection, now: datetime) -> Tally:
        """Erases the selected images. The next purge finishes an interrupted erasure.

        Ids that the ledger does not know are blocked as well, if images are selected by id alone.
        Raises `ServerError` when a server goes away or refuses.
        """
        if selection.is_by_id:
            with self.platform.warehouse.connect() as connection:
                ledger_rows.block_registration(connection, selection.images, now)
        self._withdraw(selection, now)
        deletion = Deletion(self.platform, DeletionThrottle(), self.show)
        gone = deletion.delete(DeletionContext(DeletionReason.ERASURE, now, None))
        archive_receipts(self.platform)
        return gone

    def _withdraw(self, selection: ErasureSelection, now: datetime) -> None:
        """Withdraws in batches, and retries rows that runs have locked.

        A single statement would wait for runs while it holds locks that they wait for.
        """
        while True:
            with self.platform.warehouse.connect() as connection:
                withdrawn = ledger_rows.withdraw(connection, selection, now, _BATCH_IMAGES)
                left = ledger_rows.count_selected(connection, selection, not_withdrawn=True)
            if not left:
                return
            if not withdrawn:
                time.sleep(_RETRY_SECONDS)


def image_named(text: str, position: int | None = None) -> UUID:
    """Returns the image with an id, as the ledger or the upload API shows it.

    Raises `ErasureSelectionError` when the text is not an id. The error names its `position` among
    several ids, from 1, and not the text: errors of runs are kept, and must not contain ids.
    """
    try:
        return UUID(text)
    except ValueError as error:
        subject = "This" if position is None else f"Number {position} of the ids"
        raise ErasureSelectionError(
            f"{subject} is not an image id; write it as the ledger and the upload API show it, "
            "such as 6b0c5a52-51d4-5b0e-9c43-6f1f7f1f4f0d."
        ) from error


def choose(images: Sequence[str], source: str | None, uploader: str | None) -> ErasureSelection:
    """Returns the selection of images by id, source and uploader; empty criteria do not count.

    Raises `ErasureSelectionError` when there is no criterion, or one that cannot exist.
    """
    if source and source not in source_names():
        raise ErasureSelectionError(
            f"There is no source of that name; choose one of {', '.join(source_names())}."
        )
    ids = tuple(image_named(text, position) for position, text in enumerate(images, 1))
    return ErasureSelection(ids, source or None, uploader or None)
