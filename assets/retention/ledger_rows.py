"""The SQL of deletions: which rows are due, how they are hidden and deleted, what is blocked.

Functions take an open connection and never commit. What rows reference in the buckets is in
`ledger_references`, requested erasures are in `erasure_requests`, receipts in `receipt_store`.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

import psycopg
from psycopg import sql

from assets.resources.warehouse import Connection, read_rows, read_value, read_values
from assets.retention.receipts import Copy, Tally

WITHDRAWN_ROW = "withdrawn_row"

_DUE = sql.SQL("""
    select image_id, arrived_at, object_key, object_version, size_bytes, quarantine_key
    from image_catalog.image
""")


@dataclass(frozen=True)
class DueImage:
    """An image that is about to be deleted, with the keys of all its objects.

    Attributes:
        renditions: Key and bytes of each rendition.
    """

    image_id: UUID
    arrived_at: datetime
    object_key: str
    object_version: str | None
    size_bytes: int
    quarantine_key: str | None
    renditions: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class LedgerRow:
    """The row of an image that is not gone; `withdrawn_at` if its erasure was requested."""

    state: str
    arrived_at: datetime
    withdrawn_at: datetime | None


def advance_horizon(connection: Connection, until: datetime) -> None:
    """Hides what arrived at or before `until` from all readers; the horizon never moves back."""
    connection.execute(
        "update image_catalog.horizon set expired_until = %s where expired_until < %s",
        [until, until],
    )


def count_due(connection: Connection, until: datetime) -> tuple[int, int]:
    """Counts the images due at `until`, to the hour, and all images, without reading their rows."""
    [count] = connection.execute(
        """
        select
            coalesce(
                sum(landed_count - purged_count) filter (where arrived_hour <= %s), 0
            )::bigint,
            coalesce(sum(landed_count - purged_count), 0)::bigint
        from image_catalog.arrival_count
        """,
        [until - timedelta(hours=1)],
    )
    return count


def count_landed(connection: Connection) -> int:
    """Returns how many images have ever been registered."""
    query = "select coalesce(sum(landed_count), 0) from image_catalog.arrival_count"
    return int(read_value(connection, query))


def read_oldest(connection: Connection) -> dict[str, datetime | None]:
    """Returns by kind when the oldest rows arrived (UTC), visible or not; None without any."""
    [oldest] = connection.execute(
        """
        select
            (select min(arrived_at) from image_catalog.image),
            (select min(arrived_at) from image_catalog.rendition),
            (select min(arrived_at) from image_catalog.image where withdrawn_at is not null)
        """
    )
    return dict(zip((Copy.LEDGER_ROW, Copy.RENDITION_ROW, WITHDRAWN_ROW), oldest, strict=True))


def read_row(connection: Connection, image: UUID) -> LedgerRow | None:
    """Returns the row of an image, visible or not."""
    query = "select state, arrived_at, withdrawn_at from image_catalog.image where image_id = %s"
    return next(iter(read_rows(connection, LedgerRow, query, [image])), None)


def count_renditions(connection: Connection, image: UUID) -> int:
    """Returns how many rows of renditions an image has."""
    query = "select count(*) from image_catalog.rendition where image_id = %s"
    return int(read_value(connection, query, [image]))


def take_due(
    connection: Connection, until: datetime, limit: int, kept: Collection[UUID] = ()
) -> list[DueImage]:
    """Locks images that arrived at or before `until`, without those kept or locked already."""
    parameters = {"until": until, "limit": limit, "kept": list(kept)}
    return _take(connection, sql.SQL("arrived_at <= %(until)s"), parameters)


def take_withdrawn(
    connection: Connection, by: str | None, limit: int, kept: Collection[UUID] = ()
) -> list[DueImage]:
    """Locks images whose erasure a role requested, without those kept or locked already."""
    condition = sql.SQL("withdrawn_at is not null and withdrawn_by is not distinct from %(by)s")
    return _take(connection, condition, {"by": by, "limit": limit, "kept": list(kept)})


def read_withdrawing_roles(connection: Connection) -> list[str | None]:
    """Returns the roles that requested the erasure of images that still have a row.

    None stands for images that were withdrawn without recording the role.
    """
    query = "select distinct withdrawn_by from image_catalog.image where withdrawn_at is not null"
    return read_values(connection, query)


def _take(
    connection: Connection, condition: sql.SQL, parameters: Mapping[str, object]
) -> list[DueImage]:
    query = sql.SQL("""
        {}
        where {} and image_id <> all(%(kept)s::uuid[])
        limit %(limit)s
        for update skip locked
    """).format(_DUE, condition)
    return _with_renditions(connection, read_rows(connection, DueImage, query, parameters))


def read_images(connection: Connection, day: date | None, limit: int) -> Iterator[list[DueImage]]:
    """Reads the images of a UTC day, or all, in batches of up to `limit`, without locking them."""
    begin = _begin(day) if day else datetime.min.replace(tzinfo=UTC)
    end = _begin(day + timedelta(days=1)) if day else datetime.max.replace(tzinfo=UTC)
    query = sql.SQL("""
        {}
        where arrived_at >= %s and arrived_at < %s and image_id > %s
        order by image_id
        limit %s
    """).format(_DUE)
    last = UUID(int=0)
    while images := read_rows(connection, DueImage, query, [begin, end, last, limit]):
        yield _with_renditions(connection, images)
        last = images[-1].image_id


def _with_renditions(connection: Connection, images: Sequence[DueImage]) -> list[DueImage]:
    """Adds renditions, read after the images were locked, so that none just written is missed."""
    if not images:
        return []
    arrivals = [image.arrived_at for image in images]
    rows = connection.execute(
        """
        select image_id, array_agg(object_key), array_agg(size_bytes)
        from image_catalog.rendition
        where arrived_at between %s and %s and image_id = any(%s)
        group by image_id
        """,
        [min(arrivals), max(arrivals), [image.image_id for image in images]],
    )
    renditions = {image: tuple(zip(keys, sizes, strict=True)) for image, keys, sizes in rows}
    return [replace(image, renditions=renditions.get(image.image_id, ())) for image in images]


def delete(connection: Connection, images: Sequence[DueImage]) -> None:
    """Deletes images and renditions, and counts them as purged by source and hour of arrival."""
    parameters = {
        "ids": [image.image_id for image in images],
        "times": [image.arrived_at for image in images],
    }
    connection.execute(
        """
        delete from image_catalog.rendition
        using unnest(%(ids)s::uuid[], %(times)s::timestamptz[]) as due (image_id, arrived_at)
        where rendition.image_id = due.image_id and rendition.arrived_at = due.arrived_at
        """,
        parameters,
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
        locked as (
            select source, arrived_hour, counted.purged_count
            from counted
            inner join image_catalog.arrival_count using (source, arrived_hour)
            order by source, arrived_hour
            for update of arrival_count
        )
        update image_catalog.arrival_count
        set purged_count = arrival_count.purged_count + locked.purged_count
        from locked
        where arrival_count.source = locked.source
          and arrival_count.arrived_hour = locked.arrived_hour
        """,
        parameters,
    )


def take_replaced(connection: Connection, images: Sequence[DueImage]) -> list[str]:
    """Deletes the rows of replaced renditions of images, and returns the keys of their objects."""
    return read_values(
        connection,
        "delete from image_catalog.replaced_object where image_id = any(%s) returning object_key",
        [[image.image_id for image in images]],
    )


def days_ended_by(connection: Connection, until: datetime) -> list[date]:
    """Returns the UTC days that have partitions and ended at or before `until`, oldest first."""
    days: list[date] = read_values(
        connection,
        """
        select to_date(right(relname, 8), 'YYYYMMDD') as day
        from pg_inherits
        inner join pg_class on pg_class.oid = pg_inherits.inhrelid
        where inhparent = 'image_catalog.image'::regclass
        order by day
        """,
    )
    return [day for day in days if _begin(day + timedelta(days=1)) <= until]


def drop_day(connection: Connection, day: date, tally: Tally) -> bool:
    """Drops the partitions of a day, counted as purged, if they hold as many rows as the tally.

    Returns False if they hold other numbers, or if other transactions kept them locked; then this
    transaction has failed and can only be ended.
    """
    counts = (tally.items(Copy.LEDGER_ROW), tally.items(Copy.RENDITION_ROW))
    query = "select image_catalog.drop_day(%s, %s, %s)"
    try:
        return bool(read_value(connection, query, [day, *counts]))
    except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
        connection.rollback()
        return False


def _begin(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def record_erased(connection: Connection, images: Sequence[UUID], erased_at: datetime) -> None:
    """Blocks image ids from being registered, until `delete_erased` removes them."""
    connection.execute(
        """
        insert into image_catalog.erased_image as known (image_id, erased_at)
        select distinct image_id, %s::timestamptz from unnest(%s::uuid[]) as image_id
        on conflict (image_id) do update
        set erased_at = greatest(known.erased_at, excluded.erased_at)
        """,
        [erased_at, list(images)],
    )


def record_restored(
    connection: Connection, salt: bytes, hashes: Iterable[bytes], erased_at: datetime
) -> None:
    """Blocks image ids by their hashes in a receipt, until `delete_erased` removes them."""
    connection.cursor().executemany(
        """
        insert into image_catalog.restored_erasure (id_salt, id_hash, erased_at)
        values (%s, %s, %s)
        on conflict (id_salt, id_hash) do nothing
        """,
        [(salt, id_hash, erased_at) for id_hash in sorted(hashes)],
    )


def delete_erased(connection: Connection, until: datetime) -> None:
    """Unblocks ids and content of images that were erased at or before `until`."""
    for table in ("erased_image", "erased_content", "restored_erasure"):
        query = sql.SQL("delete from {} where erased_at <= %s")
        connection.execute(query.format(sql.Identifier("image_catalog", table)), [until])
