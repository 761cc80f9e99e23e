"""The purge: objects and rows of images that have reached their age, and a receipt of what went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from uuid import UUID

from assets.counts import Counts
from assets.images.processing.replaced import delete_replaced
from assets.resources.object_store import ObjectStore
from assets.resources.warehouse import Connection, Warehouse
from assets.retention.policy import cutoff, is_due
from assets.settings import Settings

_BATCH_ROWS = 2000

ObjectKey = tuple[str, str | None]


@dataclass(frozen=True)
class Purged(Counts):
    """What a purge deleted: counts only. `late_objects` are those that no due row knew of."""

    images: int = 0
    renditions: int = 0
    raw_objects: int = 0
    processed_objects: int = 0
    quarantined_objects: int = 0
    late_objects: int = 0


@dataclass(frozen=True)
class DueImage:
    """An image that is to go, with the keys of all its objects."""

    image_id: UUID
    arrived_at: datetime
    object_key: str
    object_version: str | None
    quarantine_key: str | None
    rendition_keys: list[str]


@dataclass(frozen=True)
class Purge:
    """Deletes what has reached its age.

    Readers stop seeing a row at its full age by themselves (the views filter). The purge begins a
    margin earlier; objects go before their rows, so a purge that is cut short finds them again.
    """

    settings: Settings
    object_store: ObjectStore
    warehouse: Warehouse

    def run(self, now: datetime) -> Purged:
        """Purges everything that is due at `now` and writes the receipt.

        Raises `ServerUnavailableError` when a server goes away; the next purge goes on from there.
        """
        purged = Purged()
        delete_replaced(self.warehouse, self.object_store, self.settings.processed_bucket)
        while (batch := self._purge_rows(cutoff(now, self.settings.purge_age))).images:
            purged += batch
        purged += self._purge_late_objects(now)
        with self.warehouse.connect() as connection:
            _write_receipt(connection, purged, now, cutoff(now, self.settings.purge_age))
        return purged

    def _purge_rows(self, before: datetime) -> Purged:
        """Purges one batch of images that the ledger knows, in one transaction."""
        with self.warehouse.connect() as connection:
            due = _due_images(connection, before)
            raw = [(image.object_key, image.object_version) for image in due]
            processed: list[ObjectKey] = [
                (key, None) for image in due for key in image.rendition_keys
            ]
            quarantined: list[ObjectKey] = [
                (image.quarantine_key, None) for image in due if image.quarantine_key
            ]
            self.object_store.delete(self.settings.raw_bucket, raw)
            self.object_store.delete(self.settings.processed_bucket, processed)
            self.object_store.delete(self.settings.quarantine_bucket, quarantined)
            _delete_rows(connection, due)
        return Purged(len(due), len(processed), len(raw), len(processed), len(quarantined))

    def _purge_late_objects(self, now: datetime) -> Purged:
        """Purges by listing: old versions, delete markers, logs, and objects that no row knows."""
        late = 0
        for bucket in (*self.settings.image_buckets, self.settings.logs_bucket):
            for page in self.object_store.pages_of_versions(bucket):
                due = [
                    (found.key, found.version)
                    for found in (*page.versions, *page.delete_markers)
                    if is_due(found.modified_at, now, self.settings.purge_age)
                ]
                self.object_store.delete(bucket, due)
                late += len(due)
        return Purged(late_objects=late)


def _due_images(connection: Connection, before: datetime) -> list[DueImage]:
    """Takes due images, and then reads their renditions: an outcome just written is seen, too."""
    rows = connection.execute(
        """
        select image_id, arrived_at, object_key, object_version, quarantine_key
        from image_catalog.image
        where arrived_at <= %s
        limit %s
        for update skip locked
        """,
        [before, _BATCH_ROWS],
    ).fetchall()
    found = connection.execute(
        """
        select image_id, array_agg(object_key)
        from image_catalog.rendition
        where arrived_at <= %s and image_id = any(%s)
        group by image_id
        """,
        [before, [row[0] for row in rows]],
    )
    keys = {row[0]: row[1] for row in found}
    return [DueImage(*row, keys.get(row[0], [])) for row in rows]  # type: ignore[arg-type,call-arg]


def _delete_rows(connection: Connection, images: Sequence[DueImage]) -> None:
    """Deletes rows and renditions, and counts them as purged, per source and hour of arrival."""
    keys = {
        "ids": [image.image_id for image in images],
        "times": [image.arrived_at for image in images],
    }
    connection.execute(
        """
        delete from image_catalog.rendition
        using unnest(%(ids)s::uuid[], %(times)s::timestamptz[]) as due (image_id, arrived_at)
        where rendition.image_id = due.image_id and rendition.arrived_at = due.arrived_at
        """,
        keys,
    )
    connection.execute(
        """
        with deleted as (
            delete from image_catalog.image
            using unnest(%(ids)s::uuid[], %(times)s::timestamptz[]) as due (image_id, arrived_at)
            where image.image_id = due.image_id and image.arrived_at = due.arrived_at
            returning image.source, date_trunc('hour', image.arrived_at, 'UTC') as arrived_hour
        ),
        counted as (
            select source, arrived_hour, count(*) as purged_count
            from deleted
            group by source, arrived_hour
        )
        update image_catalog.arrival_count
        set purged_count = arrival_count.purged_count + counted.purged_count
        from counted
        where arrival_count.source = counted.source
          and arrival_count.arrived_hour = counted.arrived_hour
        """,
        keys,
    )


def _write_receipt(
    connection: Connection, purged: Purged, started_at: datetime, before: datetime
) -> None:
    connection.execute(
        """
        insert into retention.purge_receipt (
            started_at, cutoff_at, images_count, renditions_count, raw_objects_count,
            processed_objects_count, quarantined_objects_count, late_objects_count
        )
        values (%s, %s, %s, %s, %s, %s, %s, %s)
        """,
        [started_at, before, *(getattr(purged, f.name) for f in fields(purged))],
    )
