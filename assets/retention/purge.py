"""The purge: everything that has reached its age goes, and a receipt says what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from assets.processing.replaced import delete_replaced
from assets.resources.object_store import ObjectStore
from assets.resources.warehouse import Connection, Warehouse
from assets.retention import ledger_rows, receipt_store
from assets.retention.deletion import Deletion, DeletionContext
from assets.retention.orphans import purge_orphans
from assets.retention.receipt_store import issue
from assets.retention.receipts import DeletionReason, HashedIds, ProgressCallback, Tally
from assets.retention.throttle import throttle_during_arrivals, unthrottled
from assets.retention_policy import ImplausiblePurgeError, cutoff, is_plausible
from assets.settings import Settings


@dataclass(frozen=True)
class Purge:
    """Deletes what has reached its age; cut short at any moment, it is simply run again.

    Readers stop seeing an image first, then its objects go, then its row. What lives is never
    touched: an image is due by the time of its arrival alone.

    Attributes:
        may_take_any_share: Whether to go on however large a share of all images is due.
        show: Called with what goes as it goes, from several threads.
    """

    settings: Settings
    object_store: ObjectStore
    warehouse: Warehouse
    may_take_any_share: bool = False
    show: ProgressCallback = lambda _: None

    def run(self, now: datetime) -> Tally:
        """Purges everything that is due at `now`.

        Raises:
            ImplausiblePurgeError: an implausible share is due; nothing was hidden or deleted.
            ServerError: a server went away or refused; the next purge goes on from there.
        """
        until = cutoff(now, self.settings.purge_age)
        with self.warehouse.connect() as connection:
            self._refuse_implausible(connection, until)
            ledger_rows.advance_horizon(connection, until)
        delete_replaced(self.warehouse, self.object_store, self.settings.processed_bucket)
        expiry, erasure = (
            DeletionContext(DeletionReason.EXPIRY, now, until),
            DeletionContext(DeletionReason.ERASURE, now, None),
        )
        deletion = self._deletion(now)
        total = self._drop_days(deletion, expiry, until)
        total += deletion.delete(
            lambda connection, limit: ledger_rows.take_expired(connection, until, limit), expiry
        )
        total += deletion.delete(ledger_rows.take_withdrawn, erasure)
        total += self._purge_orphans(now, expiry)
        self._forget_erased(now)
        receipt_store.archive_receipts(
            self.warehouse, self.object_store, self.settings.receipts_bucket
        )
        return total

    def _refuse_implausible(self, connection: Connection, until: datetime) -> None:
        due, held = ledger_rows.count_due(connection, until)
        most, free = self.settings.purge_most_share, self.settings.purge_free_images
        if not self.may_take_any_share and not is_plausible(due, held, most, free):
            raise ImplausiblePurgeError(
                f"{due:,} of {held:,} images are due, more than {most:.0%}: is a clock wrong? "
                "If none is, as after an outage, let them go by `make purge ANY_SHARE=1`."
            )

    def _deletion(self, now: datetime) -> Deletion:
        with self.warehouse.connect() as connection:
            oldest = ledger_rows.oldest_arrival(connection)
        is_late = oldest is not None and oldest <= cutoff(now, self.settings.warning_age)
        throttle = (
            unthrottled()
            if is_late
            else throttle_during_arrivals(self.warehouse, self.settings.purge_time_share)
        )
        return Deletion(self.settings, self.object_store, self.warehouse, throttle, self.show)

    def _drop_days(
        self, deletion: Deletion, deletion_context: DeletionContext, until: datetime
    ) -> Tally:
        with self.warehouse.connect() as connection:
            days = ledger_rows.days_ended_by(connection, until)
        total = Tally()
        for day in days:
            total += deletion.drop(day, deletion_context) or Tally()
        return total

    def _purge_orphans(self, now: datetime, deletion_context: DeletionContext) -> Tally:
        """Purges what no due row names, and closes the purge with a receipt, whatever was found."""
        orphans = Tally()
        try:
            purge_orphans(
                self.settings,
                self.object_store,
                self.warehouse,
                now,
                orphans,
                self.show,
                may_take_any_share=self.may_take_any_share,
            )
        finally:
            with self.warehouse.connect() as connection:
                issue(
                    connection, deletion_context.draft(orphans, HashedIds()), deletion_context.now()
                )
        return orphans

    def _forget_erased(self, now: datetime) -> None:
        """Forgets the ids of images that nothing can bring back any more."""
        with self.warehouse.connect() as connection:
            connection.execute(
                "delete from image_catalog.erased_image where erased_at <= %s",
                [cutoff(now, self.settings.retention)],
            )
