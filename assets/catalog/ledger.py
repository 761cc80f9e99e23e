"""The ledger: every image known to the platform is one row of `image_catalog.image`.

Here images are registered and the backlog is counted; `leases` says which run works on an image,
`outcomes` how that ended.

These functions take an open connection and never commit: the caller decides what belongs to one
transaction. A repeated write changes nothing.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from uuid import UUID

from psycopg import sql
from pydantic import SecretStr

from assets.catalog import erased
from assets.catalog.erased import Content
from assets.catalog.records import Arrival, DayBacklog
from assets.catalog.visibility import VISIBLE
from assets.resources.columns import Column, copy_rows
from assets.resources.warehouse import Connection, lock_images, read_rows, read_values

_IMAGE = sql.Identifier("image_catalog", "image")
# Looks in both tables at once: between two queries an erased image could be missed.
_FIND = """
    select image_id from image_catalog.image where image_id = any(%(ids)s::uuid[])
    union all
    select image_id from image_catalog.erased_image where image_id = any(%(ids)s::uuid[])
"""
_BACKLOG = sql.SQL(
    """
    select
        (arrived_at at time zone 'UTC')::date as day,
        count(*) as waiting,
        count(*) filter (where lease_until is null or lease_until < clock_timestamp()) as claimable
    from image_catalog.image
    where state = 'waiting' and {visible}
    group by day
    order by day
    """
).format(visible=VISIBLE)


def register(
    connection: Connection,
    arrivals: Sequence[Arrival],
    now: datetime,
    erasure_key: SecretStr | None,
    *,
    may_block: bool = True,
) -> int:
    """Registers arrivals and returns how many were new; known and erased images are left alone.

    An image is also erased if its content is. Then its id is blocked, unless the caller may not do
    that and leaves the object to somebody who may.

    Raises `ErasureKeyError` when there is erased content and no key.
    """
    if not arrivals:
        return 0
    for day in sorted({arrival.arrived_at.astimezone(UTC).date() for arrival in arrivals}):
        connection.execute("select image_catalog.ensure_day(%s)", [day])
    by_age = sorted(arrivals, key=lambda arrival: arrival.arrived_at, reverse=True)
    new = {arrival.image_id.hex: arrival for arrival in by_age}
    # Two transactions can register one image at once, for an upload and for its notification: the
    # second waits here for the first, and then sees its row.
    lock_images(connection, new)
    # A day that has just begun has no statistics: left to itself the planner reads all of it.
    connection.execute("set local enable_seqscan to off")
    for known in find_known(connection, [arrival.image_id for arrival in new.values()]):
        del new[known.hex]
    if new and erased.exist(connection):
        contents = [
            Content(one.image_id, one.source, one.origin, one.uploader, one.sha256)
            for one in new.values()
        ]
        repeated = erased.find_repeated(connection, contents, erasure_key)
        if may_block:
            erased.block(connection, repeated, now)
        for image in repeated:
            del new[image.hex]
    if new:
        copy_rows(connection, _IMAGE, _columns(now), new.values())
    return len(new)


def find_known(connection: Connection, images: Iterable[UUID]) -> list[UUID]:
    """Returns those of the images that are known or erased, and so cannot be registered."""
    ids = "{" + ",".join(image.hex for image in images) + "}"
    return list(set(read_values(connection, _FIND, {"ids": ids})))


def backlog(connection: Connection) -> list[DayBacklog]:
    """Returns the days with visible waiting images, oldest first."""
    return read_rows(connection, DayBacklog, _BACKLOG)


def _columns(now: datetime) -> tuple[Column[Arrival], ...]:
    """Returns the columns that registration fills; `now` is when rejected arrivals finished."""
    return (
        Column("image_id", "uuid", lambda one: one.image_id),
        Column("arrived_at", "timestamptz", lambda one: one.arrived_at),
        Column("source", "text", lambda one: one.source),
        Column("origin", "text", lambda one: one.origin),
        Column("object_key", "text", lambda one: one.object_key),
        Column("object_version", "text", lambda one: one.object_version),
        Column("size_bytes", "int8", lambda one: one.size_bytes),
        Column("declared_content_type", "text", lambda one: one.declared_content_type),
        Column("filename", "text", lambda one: one.filename),
        Column("uploader", "text", lambda one: one.uploader),
        Column("sha256", "bytea", lambda one: one.sha256),
        Column("state", "text", lambda one: "rejected" if one.reason else "waiting"),
        Column("reason_code", "text", lambda one: one.reason),
        Column("quarantine_key", "text", lambda one: one.quarantine_key),
        Column("finished_at", "timestamptz", lambda one: now if one.reason else None),
    )
