"""The purge: deletes everything that has reached the purge age, and records it in receipts."""

from dataclasses import dataclass
from datetime import datetime

from assets.platform import Platform
from assets.processing.replaced import delete_replaced
from assets.retention import erasure_requests, ledger_rows
from assets.retention.deletion import Deletion
from assets.retention.erasure import erase_requested
from assets.retention.orphans import OrphanPurge
from assets.retention.receipt_store import DeletionContext, archive_receipts
from assets.retention.receipts import Copy, DeletionReason, ProgressCallback, Tally
from assets.retention.signing import open_signer
from assets.retention.throttle import DeletionThrottle
from assets.retention_policy import ImplausiblePurgeError, cutoff, is_plausible


@dataclass(frozen=True)
class Purge:
    """Deletes what has reached the purge age. An interrupted purge is finished by the next one.

    First the horizon hides images from readers, then their objects are deleted, then their rows.
    Only the time of arrival makes an image due.

    Attributes:
        may_take_any_share: Whether to delete however large a share of all images is due.
    """

    platform: Platform
    may_take_any_share: bool = False
    show: ProgressCallback = lambda _: None

    def run(self, now: datetime) -> Tally:
        """Deletes everything that is due at `now`.

        Raises:
            ImplausiblePurgeError: an implausible share is due; nothing was hidden or deleted.
            DeletionRefusedError: the store keeps some objects; everything else was deleted.
            ServerError: a server went away or refused; the next purge deletes the rest.
        """
        settings, warehouse = self.platform.settings, self.platform.warehouse
        until = cutoff(now, settings.purge_age)
        with warehouse.connect() as connection:
            self._refuse_implausible(*ledger_rows.count_due(connection, until))
            ledger_rows.advance_horizon(connection, until)
            days = ledger_rows.days_ended_by(connection, until)
        delete_replaced(self.platform)
        throttle = self._throttle(now)
        deletion = Deletion(self.platform, throttle, self.show)
        expiry = DeletionContext(open_signer(settings), DeletionReason.EXPIRY, now, until)
        # First, because an expired image leaves no content that stays erased.
        total = erase_requested(self.platform, deletion, now)
        for day in days:
            total += deletion.drop_day(day, expiry) or Tally()
        total += deletion.delete(expiry)
        orphans = OrphanPurge(
            self.platform, now, throttle, self.show, self.may_take_any_share, deletion.refusals
        )
        total += self._purge_orphans(orphans, expiry)
        with warehouse.connect() as connection:
            ledger_rows.delete_erased(connection, cutoff(now, settings.retention))
            erasure_requests.forget(connection, until)
        archive_receipts(self.platform)
        deletion.refusals.raise_any(self.platform.object_store)
        return total

    def _refuse_implausible(self, due: int, total: int) -> None:
        settings = self.platform.settings
        limit, free = settings.purge_most_share, settings.purge_free_images
        if not self.may_take_any_share and not is_plausible(due, total, limit, free):
            raise ImplausiblePurgeError(
                f"{due:,} of {total:,} images are due, more than {limit:.0%}: a clock "
                "may be wrong. If the clocks are right, as after an outage, confirm with "
                "`darkroom retention purge --any-share`."
            )

    def _throttle(self, now: datetime) -> DeletionThrottle:
        """Returns a throttle that yields to arriving images, unless some copy is late already."""
        settings, warehouse = self.platform.settings, self.platform.warehouse

        def count_landed() -> int:
            with warehouse.connect() as connection:
                return ledger_rows.count_landed(connection)

        with warehouse.connect() as connection:
            oldest = ledger_rows.read_oldest(connection)[Copy.LEDGER_ROW]
        if oldest is not None and oldest <= cutoff(now, settings.warning_age):
            return DeletionThrottle()
        return DeletionThrottle(settings.purge_time_share, count_landed)

    def _purge_orphans(self, orphans: OrphanPurge, context: DeletionContext) -> Tally:
        """Deletes orphans, and ends the purge with a receipt even if there are none or it fails."""
        tally = Tally()
        try:
            orphans.run(tally)
        finally:
            with self.platform.warehouse.connect() as connection:
                context.issue_receipt(connection, tally)
        return tally
