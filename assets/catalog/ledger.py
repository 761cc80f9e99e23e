"""The ledger: every image known to the platform is one row of `image_catalog.image`.

How images become known, and which wait; `claims` has who works on them, `outcomes` what came of it.

Its functions take an open connection and never commit: who calls them decides what belongs to one
transaction. Every write repeated changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from uuid import UUID

from assets.catalog.records import Arrival, DayBacklog
from assets.catalog.visibility import VISIBLE
from assets.resources.warehouse import Connection

_COPY_ARRIVALS = """
    copy image_catalog.image (
        image_id, arrived_at, source, origin, object_key, object_version, size_bytes,
        declared_content_type, filename, uploader, sha256, state, reason_code, quarantine_key,
        finished_at
    )
    from stdin (format binary)
"""
_ARRIVAL_TYPES = (
    *("uuid", "timestamptz", "text", "text", "text", "text", "int8"),
    *("text", "text", "text", "bytea", "text", "text", "text", "timestamptz"),
)


def register(connection: Connection, arrivals: Sequence[Arrival], now: datetime) -> int:
    """Makes arrivals known; those known already are left as they are, and those erased stay gone.

    Returns:
        How many were new.
    """
    if not arrivals:
        return 0
    for day in sorted({_utc_day(arrival.arrived_at) for arrival in arrivals}):
        connection.execute("select image_catalog.ensure_day(%s)", [day])
    by_age = sorted(arrivals, key=lambda arrival: arrival.arrived_at, reverse=True)
    new = {arrival.image_id.hex: arrival for arrival in by_age}
    for known in _lock_and_find(connection, _as_array(new)):
        del new[known.hex]
    if new:
        with connection.cursor().copy(_COPY_ARRIVALS) as copy:
            copy.set_types(_ARRIVAL_TYPES)
            for arrival in new.values():
                copy.write_row(_arrival_row(arrival, now))
    return len(new)


def find_known(connection: Connection, images: Iterable[UUID]) -> list[UUID]:
    """Returns those of the images that are known, or erased: they never become known anew."""
    return _find(connection, _as_array(image.hex for image in images))


def _lock_and_find(connection: Connection, ids: str) -> list[UUID]:
    """Keeps other doors from making these images known until the end of the transaction.

    Two doors can learn of one image at once, such as an upload and its notification: the second
    waits here for the first, and then sees its row.

    Returns:
        Those that are known already, or erased.
    """
    connection.execute(
        """
        select count(pg_advisory_xact_lock(uuid_hash_extended(image_id, 0)))
        from (select image_id from unnest(%s::uuid[]) as image_id order by image_id) as one
        """,
        [ids],
    )
    # A day that has just begun has no statistics yet: left to itself the planner reads all of it.
    connection.execute("set local enable_seqscan to off")
    return _find(connection, ids)


def _find(connection: Connection, ids: str) -> list[UUID]:
    """Looks for both at once: between two looks an erased image's row could go unseen."""
    found = connection.execute(
        """
        select image_id from image_catalog.image where image_id = any(%(ids)s::uuid[])
        union all
        select image_id from image_catalog.erased_image where image_id = any(%(ids)s::uuid[])
        """,
        {"ids": ids},
    )
    return list({row[0] for row in found})  # type: ignore[misc]


def _as_array(images: Iterable[str]) -> str:
    return "{" + ",".join(images) + "}"


def backlog(connection: Connection) -> list[DayBacklog]:
    """Returns the days on which visible images wait, oldest first."""
    rows = connection.execute(
        f"""
        select
            (arrived_at at time zone 'UTC')::date as day,
            count(*),
            count(*) filter (where lease_until is null or lease_until < clock_timestamp())
        from image_catalog.image
        where state = 'waiting' and {VISIBLE}
        group by day
        order by day
        """  # noqa: S608 - the condition is the project's own
    )
    return [DayBacklog(*row) for row in rows]  # type: ignore[arg-type]


def _arrival_row(arrival: Arrival, now: datetime) -> tuple[object, ...]:
    return (
        arrival.image_id,
        arrival.arrived_at,
        arrival.source,
        arrival.origin,
        arrival.object_key,
        arrival.object_version,
        arrival.size_bytes,
        arrival.declared_content_type,
        arrival.filename,
        arrival.uploader,
        arrival.sha256,
        "rejected" if arrival.reason else "waiting",
        arrival.reason,
        arrival.quarantine_key,
        now if arrival.reason else None,
    )


def _utc_day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()
