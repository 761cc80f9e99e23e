"""The ledger's side of a deletion: what is due, how it is hidden, and how its rows go.

Like the ledger's other functions these take an open connection and never commit.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import LiteralString
from uuid import UUID

import psycopg

from assets.catalog.visibility import VISIBLE
from assets.resources.warehouse import Connection
from assets.retention.image_buckets import ImageBucket, LedgerSnapshot, ObjectReference
from assets.retention.receipts import Copy, Tally

_COLUMNS = "image_id, arrived_at, object_key, object_version, size_bytes, quarantine_key"


@dataclass(frozen=True)
class DueImage:
    """An image that is to go, with the keys of all its objects; renditions with their bytes."""

    image_id: UUID
    arrived_at: datetime
    object_key: str
    object_version: str | None
    size_bytes: int
    quarantine_key: str | None
    renditions: tuple[tuple[str, int], ...]

    def tell(self, tally: Tally) -> None:
        """Counts all of its copies, with the time of its arrival."""
        tally.add(Copy.LEDGER_ROW, self.arrived_at)
        tally.add(Copy.RAW_OBJECT, self.arrived_at, self.size_bytes)
        if self.quarantine_key:
            tally.add(Copy.QUARANTINED_OBJECT, self.arrived_at, self.size_bytes)
        for _, size_bytes in self.renditions:
            tally.add(Copy.RENDITION_ROW, self.arrived_at)
            tally.add(Copy.PROCESSED_OBJECT, self.arrived_at, size_bytes)


def advance_horizon(connection: Connection, until: datetime) -> None:
    """Hides what had arrived by then from every reader, once this is committed; never back."""
    connection.execute(
        "update image_catalog.horizon set expired_until = %s where expired_until < %s",
        [until, until],
    )


def count_due(connection: Connection, until: datetime) -> tuple[int, int]:
    """Returns how many images are due, to the hour, and how many there are; by counts alone."""
    [row] = connection.execute(
        """
        select
            coalesce(sum(landed_count - purged_count) filter (where arrived_hour <= %s), 0),
            coalesce(sum(landed_count - purged_count), 0)
        from image_catalog.arrival_count
        """,
        [until - timedelta(hours=1)],
    )
    due, held = (int(str(number)) for number in row)
    return due, held


def oldest_arrival(connection: Connection) -> datetime | None:
    """Returns when the oldest image in the ledger arrived."""
    [(oldest,)] = connection.execute("select min(arrived_at) from image_catalog.image")
    return oldest if isinstance(oldest, datetime) else None


def take_expired(connection: Connection, until: datetime, limit: int) -> list[DueImage]:
    """Takes images that had arrived by then, and that no other purge has in its hands."""
    return _take(connection, "arrived_at <= %(until)s", {"until": until, "limit": limit})


def take_withdrawn(connection: Connection, limit: int) -> list[DueImage]:
    """Takes images whose erasure was asked for, and that no other purge has in its hands."""
    return _take(connection, "withdrawn_at is not null", {"limit": limit})


def _take(connection: Connection, due: str, parameters: dict[str, object]) -> list[DueImage]:
    rows = connection.execute(
        f"""
        select {_COLUMNS}
        from image_catalog.image
        where {due}
        limit %(limit)s
        for update skip locked
        """,  # noqa: S608 - names and conditions are this module's own
        parameters,
    ).fetchall()
    return _with_renditions(connection, rows)


def record_erased(connection: Connection, images: Sequence[UUID], at: datetime) -> None:
    """Keeps images from becoming known again, for as long as anything could bring them back."""
    connection.execute(
        """
        insert into image_catalog.erased_image as known (image_id, erased_at)
        select distinct image_id, %s::timestamptz from unnest(%s::uuid[]) as image_id
        on conflict (image_id) do update
        set erased_at = greatest(known.erased_at, excluded.erased_at)
        """,
        [at, list(images)],
    )


def delete(connection: Connection, images: Sequence[DueImage]) -> None:
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
        ),
        held as (
            select source, arrived_hour, counted.purged_count
            from counted
            inner join image_catalog.arrival_count using (source, arrived_hour)
            order by source, arrived_hour
            for update of arrival_count
        )
        update image_catalog.arrival_count
        set purged_count = arrival_count.purged_count + held.purged_count
        from held
        where arrival_count.source = held.source
          and arrival_count.arrived_hour = held.arrived_hour
        """,
        keys,
    )


def take_replaced(connection: Connection, images: Sequence[DueImage]) -> list[str]:
    """Takes the keys of renditions of images that another recipe has replaced.

    They are back if the transaction does not commit.
    """
    rows = connection.execute(
        "delete from image_catalog.replaced_object where image_id = any(%s) returning object_key",
        [[image.image_id for image in images]],
    )
    return [str(key) for (key,) in rows]


def days_ended_by(connection: Connection, until: datetime) -> list[date]:
    """Returns the UTC days that have partitions and ended by then, oldest first."""
    rows = connection.execute(
        """
        select to_date(right(relname, 8), 'YYYYMMDD') as day
        from pg_inherits
        inner join pg_class on pg_class.oid = pg_inherits.inhrelid
        where inhparent = 'image_catalog.image'::regclass
        order by day
        """
    )
    days = [day for (day,) in rows if isinstance(day, date)]
    return [day for day in days if _begin(day + timedelta(days=1)) <= until]


def read_day(connection: Connection, day: date, limit: int) -> Iterator[list[DueImage]]:
    """Reads a day's images, so many at a time, without holding them."""
    return _read(connection, _begin(day), _begin(day + timedelta(days=1)), limit)


def read_all(connection: Connection, limit: int) -> Iterator[list[DueImage]]:
    """Reads all images, so many at a time, without holding them."""
    return _read(
        connection, datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), limit
    )


def _read(
    connection: Connection, begin: datetime, end: datetime, limit: int
) -> Iterator[list[DueImage]]:
    last = UUID(int=0)
    while True:
        rows = connection.execute(
            f"""
            select {_COLUMNS}
            from image_catalog.image
            where arrived_at >= %s and arrived_at < %s and image_id > %s
            order by image_id
            limit %s
            """,  # noqa: S608 - names are this module's own
            [begin, end, last, limit],
        ).fetchall()
        if not rows:
            return
        yield _with_renditions(connection, rows)
        last = UUID(str(rows[-1][0]))


def drop_day(connection: Connection, day: date, tally: Tally) -> bool:
    """Drops a day's partitions, counted as purged, if they hold what the tally tells of.

    False when they hold something else, or readers and writers left no moment to do it in; then
    the transaction has failed and is to be left.
    """
    seen = (tally.items(Copy.LEDGER_ROW), tally.items(Copy.RENDITION_ROW))
    try:
        [(is_dropped,)] = connection.execute(
            "select image_catalog.drop_day(%s, %s, %s)", [day, *seen]
        )
    except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
        connection.rollback()
        return False
    return bool(is_dropped)


def _with_renditions(connection: Connection, rows: Sequence[tuple[object, ...]]) -> list[DueImage]:
    """Adds the renditions, read after the rows were taken: one just written is seen, too."""
    if not rows:
        return []
    times = [row[1] for row in rows]
    found = connection.execute(
        """
        select image_id, array_agg(object_key), array_agg(size_bytes)
        from image_catalog.rendition
        where arrived_at between %s and %s and image_id = any(%s)
        group by image_id
        """,
        [min(times), max(times), [row[0] for row in rows]],  # type: ignore[type-var]
    )
    renditions = {row[0]: tuple(zip(row[1], row[2], strict=True)) for row in found}  # type: ignore[call-overload]
    return [DueImage(*row, renditions.get(row[0], ())) for row in rows]  # type: ignore[arg-type,call-arg]


def _begin(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


_FETCH_BATCH_SIZE = 2000
# Image, key, version, and whether an object must be there: not where readers see no row, and not
# where there never was one. An original in quarantine needs no other copy in the raw bucket.
_NAMES = {
    ImageBucket.RAW: f"""
        select
            image_id, object_key, object_version,
            quarantine_key is null and reason_code is distinct from 'object_missing' and {VISIBLE}
        from image_catalog.image
        where {{images}}
    """,  # noqa: S608 - the condition is the project's own
    ImageBucket.PROCESSED: """
        select
            image_id, object_key, null,
            arrived_at > (select expired_until from image_catalog.horizon)
        from image_catalog.rendition
        where {images}
        union all
        select image_id, object_key, null, false
        from image_catalog.replaced_object
        where {images}
    """,
    ImageBucket.QUARANTINE: f"""
        select image_id, quarantine_key, null, {VISIBLE}
        from image_catalog.image
        where quarantine_key is not null and {{images}}
    """,  # noqa: S608 - the condition is the project's own
}
_AS_NAME = "as name (image_id, key, version, is_required)"
_SOME = "image_id = any(%(images)s)"


def read_references(connection: Connection, place: ImageBucket) -> Iterator[ObjectReference]:
    """Reads all objects that rows name in a bucket, in the order of their keys as S3 lists them.

    The server keeps the answer aside and the transaction is committed: whoever reads for long
    keeps nobody from dropping a day.
    """
    with connection.cursor("names", withhold=True) as cursor:
        cursor.itersize = _FETCH_BATCH_SIZE
        query = _NAMES[place].format(images="true")
        cursor.execute(f'select * from ({query}) {_AS_NAME} order by key collate "C"')  # noqa: S608 - names are this module's own
        connection.commit()
        for row in cursor:
            yield ObjectReference(*row)  # type: ignore[arg-type]


def read_required(
    connection: Connection, place: ImageBucket, images: Collection[UUID]
) -> set[ObjectReference]:
    """Returns the objects that must be there of some images, and that readers may see now."""
    rows = connection.execute(
        f"""
        select name.*
        from ({_NAMES[place].format(images=_SOME)}) {_AS_NAME}
        inner join image_catalog.image on image.image_id = name.image_id
        where {VISIBLE}
        """,  # noqa: S608 - names are this module's own
        {"images": list(images)},
    )
    return {name for name in (ObjectReference(*row) for row in rows) if name.is_required}  # type: ignore[arg-type]


def read_snapshot(
    connection: Connection, place: ImageBucket, images: Collection[UUID]
) -> LedgerSnapshot:
    """Returns what the ledger has of some images at the moment, without holding it."""
    leased = _read_images(
        connection,
        f"""
        select image_id from image_catalog.image where {_SOME} and lease_until > clock_timestamp()
        """,  # noqa: S608 - names are this module's own
        images,
    )
    return _snapshot(connection, place, images, leased)


def lock_and_read(
    connection: Connection, place: ImageBucket, images: Collection[UUID]
) -> LedgerSnapshot:
    """Keeps images as they are until the end of the transaction, and returns what is there of them.

    Nobody can claim, finish or purge an image that is held, nor make one known that has no row.
    Images that a run has a lease on, and those that somebody else is at, count as in work; nothing
    waits for them. A run whose lease is over loses its claim: it cannot finish with an object that
    is deleted now.
    """
    unhindered = _read_images(
        connection,
        """
        select image_id
        from unnest(%(images)s::uuid[]) as image_id
        where pg_try_advisory_xact_lock(uuid_hash_extended(image_id, 0))
        """,
        images,
    )
    held = _read_images(
        connection,
        f"""
        select image_id
        from image_catalog.image
        where {_SOME} and (lease_until is null or lease_until < clock_timestamp())
        for update skip locked
        """,  # noqa: S608 - names are this module's own
        images,
    )
    connection.execute(
        f"""
        update image_catalog.image
        set claimed_by = null, lease_until = null
        where {_SOME} and claimed_by is not null
        """,  # noqa: S608 - names are this module's own
        {"images": list(held)},
    )
    known = _read_images(
        connection,
        f"select image_id from image_catalog.image where {_SOME}",  # noqa: S608 - names are this module's own
        images,
    )
    return _snapshot(connection, place, images, (set(images) - unhindered) | (known - held))


def _snapshot(
    connection: Connection, place: ImageBucket, images: Collection[UUID], leased: Collection[UUID]
) -> LedgerSnapshot:
    """Rows are read before erasures: an image that is erased in between is found there."""
    some = {"images": list(images)}
    rows = connection.execute(
        f"select image_id, object_key from image_catalog.image where {_SOME}",  # noqa: S608 - names are this module's own
        some,
    )
    raw_keys = {UUID(str(image)): str(key) for image, key in rows}
    names = connection.execute(_NAMES[place].format(images=_SOME), some)
    named = frozenset((str(key), version) for _, key, version, _ in names)
    erased = _read_images(
        connection,
        f"select image_id from image_catalog.erased_image where {_SOME}",  # noqa: S608 - names are this module's own
        images,
    )
    return LedgerSnapshot(raw_keys, named, frozenset(erased), frozenset(leased))  # type: ignore[arg-type]


def _read_images(
    connection: Connection, query: LiteralString, images: Collection[UUID]
) -> set[UUID]:
    rows = connection.execute(query, {"images": list(images)})
    return {image for (image,) in rows if isinstance(image, UUID)}
