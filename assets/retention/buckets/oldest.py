"""The oldest of every kind of copy."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from assets.resources.objects import ListingPage
from assets.resources.warehouse import Connection
from assets.retention.buckets.classification import ImageBucket, arrived_by
from assets.retention.receipts.receipt import Copy

MESSAGE = "message"
WITHDRAWN_ROW = "withdrawn_row"

OBJECTS = {
    ImageBucket.RAW: Copy.RAW_OBJECT,
    ImageBucket.PROCESSED: Copy.PROCESSED_OBJECT,
    ImageBucket.QUARANTINE: Copy.QUARANTINED_OBJECT,
}


@dataclass
class Oldest:
    """When the oldest of every kind came, as far as was looked; None: there is none of it.

    A row tells when its image arrived. Of an object only its key tells, to the day or the hour, and
    the store when it was put: it came then at the latest.
    """

    by_kind: dict[str, datetime | None] = field(default_factory=dict)

    def see(self, kind: str, at: datetime | None) -> None:
        """Notes that there is one of a kind that came then, or that there may be none."""
        before = self.by_kind.get(kind)
        both = [moment for moment in (before, at) if moment is not None]
        self.by_kind[kind] = min(both, default=None)

    def see_page(self, place: ImageBucket, page: ListingPage) -> None:
        """Notes what a page of a bucket of images holds."""
        for found in page.versions:
            self.see(OBJECTS[place], arrived_by(place, found))
        for marker in page.delete_markers:
            self.see(Copy.DELETE_MARKER, marker.modified_at)

    def see_rows(self, connection: Connection) -> None:
        """Notes what the ledger holds, visible or not."""
        [(image, rendition, withdrawn)] = connection.execute(
            """
            select
                (select min(arrived_at) from image_catalog.image),
                (select min(arrived_at) from image_catalog.rendition),
                (select min(arrived_at) from image_catalog.image where withdrawn_at is not null)
            """
        )
        self.see(Copy.LEDGER_ROW, image)  # type: ignore[arg-type]
        self.see(Copy.RENDITION_ROW, rendition)  # type: ignore[arg-type]
        self.see(WITHDRAWN_ROW, withdrawn)  # type: ignore[arg-type]
