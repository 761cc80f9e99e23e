"""Which images an erasure is about, and how a person says it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from assets.errors import DarkroomError
from assets.ingestion.registry import source_names
from assets.resources.object_store import ObjectStore
from assets.resources.warehouse import Connection, Warehouse
from assets.retention import ledger_rows, receipt_store
from assets.retention.deletion import Deletion, DeletionContext
from assets.retention.receipts import DeletionReason, ProgressCallback, Tally
from assets.retention.throttle import unthrottled
from assets.settings import Settings


class ErasureSelectionError(DarkroomError):
    """What should be erased or looked for is not described in a way that can be meant."""


@dataclass(frozen=True)
class ErasureSelection:
    """Images by their ids, those of a source, of an uploader, or what all of that describes.

    Raises:
        ErasureSelectionError: Nothing is named; that would be all images.
    """

    images: tuple[UUID, ...] = ()
    source: str | None = None
    uploader: str | None = None

    def __post_init__(self) -> None:
        """Refuses a choice of everything."""
        if not self.images and self.source is None and self.uploader is None:
            raise ErasureSelectionError(
                "Say which images to erase: their ids, a source, an uploader, or both."
            )

    @property
    def are_named(self) -> bool:
        """Whether they are named one by one and by nothing else: it matters not who knows them."""
        return self.source is None and self.uploader is None

    @property
    def parameters(self) -> dict[str, object]:
        """Values of a condition on the ledger's rows."""
        return {"images": list(self.images), "source": self.source, "uploader": self.uploader}


def image_named(text: str, place: int | None = None) -> UUID:
    """Returns the image of that id.

    Args:
        text: The id, as the ledger or the upload API tells it.
        place: Its place among several. The error tells that and not the text, because errors of
            runs are kept, and identifiers of images are not to be.

    Raises:
        ErasureSelectionError: It is none.
    """
    try:
        return UUID(text)
    except ValueError as error:
        what = "This" if place is None else f"Number {place} of the ids"
        raise ErasureSelectionError(
            f"{what} is no image's id; write it as the ledger and the upload API tell it, such as "
            "6b0c5a52-51d4-5b0e-9c43-6f1f7f1f4f0d."
        ) from error


def choose(images: Sequence[str], source: str | None, uploader: str | None) -> ErasureSelection:
    """Returns the choice of images by id, of a source, of an uploader, or of those together.

    Raises:
        ErasureSelectionError: Nothing is named, or something that does not exist.
    """
    if source and source not in source_names():
        raise ErasureSelectionError(
            f"There is no source of that name; choose one of {', '.join(source_names())}."
        )
    ids = tuple(image_named(text, place) for place, text in enumerate(images, 1))
    return ErasureSelection(ids, source or None, uploader or None)


_BATCH_IMAGES = 2000
_RETRY_SECONDS = 0.1

_CHOSEN = """
    (cardinality(%(images)s::uuid[]) = 0 or image_id = any(%(images)s::uuid[]))
    and (%(source)s::text is null or source = %(source)s)
    and (%(uploader)s::text is null or uploader = %(uploader)s)
"""


@dataclass(frozen=True)
class Erasure:
    """Deletes chosen images at once: their row, their objects, and copies that were left behind.

    What Kafka's brokers still hold of them goes when the topic's own retention comes to it; the
    platform makes nothing of it known again.

    Attributes:
        show: Called with what goes as it goes, from several threads.
    """

    settings: Settings
    object_store: ObjectStore
    warehouse: Warehouse
    show: ProgressCallback = lambda _: None

    def count(self, chosen: ErasureSelection) -> int:
        """Returns how many images are chosen."""
        with self.warehouse.connect() as connection:
            return count(connection, chosen)

    def run(self, chosen: ErasureSelection, now: datetime) -> Tally:
        """Erases; cut short, the next purge or erasure finishes it.

        Raises `ServerError` when a server goes away or refuses.
        """
        with self.warehouse.connect() as connection:
            block_registration(connection, chosen, now)
        self._withdraw(chosen, now)
        deletion = Deletion(
            self.settings, self.object_store, self.warehouse, unthrottled(), self.show
        )
        gone = deletion.delete(
            ledger_rows.take_withdrawn, DeletionContext(DeletionReason.ERASURE, now, None)
        )
        receipt_store.archive_receipts(
            self.warehouse, self.object_store, self.settings.receipts_bucket
        )
        return gone

    def _withdraw(self, chosen: ErasureSelection, now: datetime) -> None:
        """Withdraws batch by batch; a row that a run is writing at the moment comes a moment later.

        One statement over many rows would wait for runs while it holds what they wait for.
        """
        while True:
            with self.warehouse.connect() as connection:
                withdrawn = withdraw(connection, chosen, now, _BATCH_IMAGES)
                left = count(connection, chosen, and_also="withdrawn_at is null")
            if not left:
                return
            if not withdrawn:
                time.sleep(_RETRY_SECONDS)


def count(connection: Connection, chosen: ErasureSelection, and_also: str = "true") -> int:
    """Returns how many images are chosen, of which a further condition holds."""
    [(images,)] = connection.execute(
        f"select count(*) from image_catalog.image where {_CHOSEN} and {and_also}",  # noqa: S608
        chosen.parameters,
    )
    return int(str(images))


def block_registration(connection: Connection, chosen: ErasureSelection, now: datetime) -> None:
    """Keeps images that are named one by one from becoming known, also if they are not known yet.

    Waits for doors that are making them known: their rows are there then. Belongs before the
    withdrawal, in a transaction of its own.
    """
    if not chosen.are_named:
        return
    connection.execute(
        """
        select count(pg_advisory_xact_lock(uuid_hash_extended(image_id, 0)))
        from (select image_id from unnest(%s::uuid[]) as image_id order by image_id) as one
        """,
        [list(chosen.images)],
    )
    ledger_rows.record_erased(connection, chosen.images, now)


def withdraw(connection: Connection, chosen: ErasureSelection, now: datetime, limit: int) -> int:
    """Hides up to `limit` chosen images from everybody, and takes them out of the hands of runs.

    Their ids are kept until nothing can bring them back. Returns how many they are.
    """
    withdrawn = connection.execute(
        f"""
        with due as (
            select image_id, arrived_at
            from image_catalog.image
            where {_CHOSEN} and withdrawn_at is null
            limit %(limit)s
            for update skip locked
        ),
        withdrawn as (
            update image_catalog.image
            set withdrawn_at = %(now)s, claimed_by = null, lease_until = null
            from due
            where image.image_id = due.image_id and image.arrived_at = due.arrived_at
            returning image.image_id
        )
        insert into image_catalog.erased_image (image_id, erased_at)
        select image_id, %(now)s from withdrawn
        on conflict (image_id) do update set erased_at = excluded.erased_at
        """,  # noqa: S608 - the condition is this module's own
        {**chosen.parameters, "now": now, "limit": limit},
    )
    return withdrawn.rowcount
