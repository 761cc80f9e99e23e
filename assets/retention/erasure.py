"""Erasure on demand: deletes selected images with all their copies, before they are due."""

import time
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from assets.platform import Platform
from assets.retention import erasure_requests, ledger_rows
from assets.retention.deletion import Deletion
from assets.retention.erasure_requests import (
    ErasureRequest,
    ErasureSelection,
    ErasureSelectionError,
)
from assets.retention.receipt_store import DeletionContext, archive_receipts
from assets.retention.receipts import DeletionReason, ProgressCallback, Tally
from assets.retention.signing import open_signer
from assets.retention.throttle import DeletionThrottle

_BATCH_IMAGES = 2000
_RETRY_SECONDS = 0.1


@dataclass(frozen=True)
class Erasure:
    """Deletes requested images: rows, objects, and duplicates of their objects.

    Messages that Kafka's brokers still hold stay there until the topic's own retention deletes
    them; the platform never lands them again.
    """

    platform: Platform
    show: ProgressCallback = lambda _: None

    def count(self, selection: ErasureSelection) -> int:
        """Returns how many images in the ledger are selected."""
        with self.platform.warehouse.connect() as connection:
            return erasure_requests.count_selected(connection, selection)

    def request(self, selection: ErasureSelection) -> int:
        """Requests the erasure of images, withdraws them, and returns the request's number.

        Ids that the ledger does not know are blocked as well, if images are selected by id alone.
        A run deletes the images; it also withdraws what an interrupted request has not.
        """
        with self.platform.warehouse.connect() as connection:
            number = erasure_requests.insert(connection, selection)
            requests = erasure_requests.read_open(connection, number)
        _withdraw(self.platform, requests[-1])
        return number

    def run(self, number: int, now: datetime) -> Tally:
        """Erases the images of a request, and of all older ones that are open.

        A completed request is not an error. The next run or purge finishes an interrupted one.

        Raises:
            ErasureRequestError: no request has that number.
            DeletionRefusedError: the store keeps some objects; the request stays open.
            ServerError: a server went away or refused.
        """
        deletion = Deletion(self.platform, DeletionThrottle(), self.show)
        gone = erase_requested(self.platform, deletion, now, number)
        archive_receipts(self.platform)
        deletion.refusals.raise_any(self.platform.object_store)
        return gone


def erase_requested(
    platform: Platform, deletion: Deletion, now: datetime, until: int | None = None
) -> Tally:
    """Erases the images of all open requests up to a number, and marks those as completed.

    Also deletes images that were withdrawn for newer requests or without one.
    """
    with platform.warehouse.connect() as connection:
        requests = erasure_requests.read_open(connection, until)
    for request in requests:
        _withdraw(platform, request)
    with platform.warehouse.connect() as connection:
        roles = ledger_rows.read_withdrawing_roles(connection)
    signer, gone = open_signer(platform.settings), Tally()
    for role in roles:
        gone += deletion.delete(
            DeletionContext(signer, DeletionReason.ERASURE, now, requested_by=role)
        )
    with platform.warehouse.connect() as connection:
        erasure_requests.complete(connection, requests, now)
    return gone


def _withdraw(platform: Platform, request: ErasureRequest) -> None:
    """Withdraws in batches, and retries rows that runs have locked.

    A single statement would wait for runs while it holds locks that they wait for.
    """
    selection = request.selection
    while True:
        with platform.warehouse.connect() as connection:
            withdrawn = erasure_requests.withdraw(connection, request, _BATCH_IMAGES)
            left = erasure_requests.count_selected(connection, selection, not_withdrawn=True)
        if not left:
            return
        if not withdrawn:
            time.sleep(_RETRY_SECONDS)


def image_named(text: str) -> UUID:
    """Returns the image with an id, as the ledger or the upload API shows it.

    Raises `ErasureSelectionError` when the text is not an id; the error does not repeat the text.
    """
    try:
        return UUID(text)
    except ValueError as error:
        raise ErasureSelectionError(
            "This is not an image id; write it as the ledger and the upload API show it, such as "
            "6b0c5a52-51d4-5b0e-9c43-6f1f7f1f4f0d."
        ) from error
