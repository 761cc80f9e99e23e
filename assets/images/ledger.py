"""The ledger: every image known to the platform is one row of `image_catalog.image`.

Its functions take an open connection and never commit: who calls them decides what belongs to one
transaction. Every write repeated changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from assets.images.records import (
    Arrival,
    Claim,
    DayBacklog,
    Outcome,
    Processed,
    Rejected,
)
from assets.resources.warehouse import Connection

MAX_CLAIMS = 5
"""After so many runs that took an image and did not finish it, it is rejected."""

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
    """Makes arrivals known; those known already are left as they are.

    Returns:
        How many were new.
    """
    if not arrivals:
        return 0
    for day in sorted({_utc_day(arrival.arrived_at) for arrival in arrivals}):
        connection.execute("select image_catalog.ensure_day(%s)", [day])
    by_age = sorted(arrivals, key=lambda arrival: arrival.arrived_at, reverse=True)
    new = {arrival.image_id.hex: arrival for arrival in by_age}
    for known in _hold_and_find(connection, new):
        del new[known.hex]
    if new:
        with connection.cursor().copy(_COPY_ARRIVALS) as copy:
            copy.set_types(_ARRIVAL_TYPES)
            for arrival in new.values():
                copy.write_row(_arrival_row(arrival, now))
    return len(new)


def _hold_and_find(connection: Connection, images: Iterable[str]) -> list[UUID]:
    """Keeps other doors from making these images known until the end of the transaction.

    Two doors can learn of one image at once, such as an upload and its notification: the second
    waits here for the first, and then sees its row.

    Returns:
        Those that are known already.
    """
    ids = "{" + ",".join(images) + "}"
    connection.execute(
        """
        select count(pg_advisory_xact_lock(uuid_hash_extended(image_id, 0)))
        from (select image_id from unnest(%s::uuid[]) as image_id order by image_id) as one
        """,
        [ids],
    )
    # A day that has just begun has no statistics yet: left to itself the planner reads all of it.
    connection.execute("set local enable_seqscan to off")
    found = connection.execute(
        "select image_id from image_catalog.image where image_id = any(%s::uuid[])", [ids]
    )
    return [row[0] for row in found]  # type: ignore[misc]


def claim(
    connection: Connection, day: date, run_id: str, lease: timedelta, limit: int
) -> list[Claim]:
    """Takes up to `limit` waiting images of a UTC day, oldest first, that nobody else holds."""
    rows = connection.execute(
        """
        with claimable as (
            select image_id, arrived_at
            from image_catalog.image
            where state = 'waiting'
              and arrived_at >= %(day)s::timestamp at time zone 'UTC'
              and arrived_at < (%(day)s::date + 1)::timestamp at time zone 'UTC'
              and (lease_until is null or lease_until < clock_timestamp())
            order by arrived_at
            limit %(limit)s
            for update skip locked
        )
        update image_catalog.image
        set
            claimed_by = %(run_id)s,
            lease_until = clock_timestamp() + %(lease)s,
            claim_count = claim_count + 1
        from claimable
        where image.image_id = claimable.image_id and image.arrived_at = claimable.arrived_at
        returning
            image.image_id, image.arrived_at, object_key, object_version, size_bytes, claim_count,
            quarantine_key
        """,
        {"day": day, "run_id": run_id, "lease": lease, "limit": limit},
    )
    return [Claim(*row) for row in rows]  # type: ignore[arg-type]


def release(connection: Connection, run_id: str, *, is_blameless: bool) -> int:
    """Gives back what a run claimed and did not finish.

    Args:
        is_blameless: Whether the run ended for a reason that no image can have caused, such as a
            server that was down; then the claims do not count.

    Returns:
        How many images wait again.
    """
    released = connection.execute(
        """
        update image_catalog.image
        set claimed_by = null, lease_until = null, claim_count = claim_count - %(forgiven)s
        where claimed_by = %(run_id)s and state = 'waiting'
        """,
        {"run_id": run_id, "forgiven": int(is_blameless)},
    )
    return released.rowcount


def finish(connection: Connection, run_id: str, outcomes: Sequence[Outcome], now: datetime) -> int:
    """Writes outcomes, of images that the run still holds only.

    Returns:
        How many images were finished; those taken over by another run are not among them.
    """
    if not outcomes:
        return 0
    connection.execute(
        """
        create temporary table outcome on commit drop as
        select
            image_id, arrived_at, state, reason_code, quarantine_key, finished_at,
            format, mode, width_px, height_px, sha256, processing_seconds
        from image_catalog.image
        with no data
        """
    )
    _copy(connection, "outcome", (_outcome_row(outcome, now) for outcome in outcomes))
    finished = connection.execute(
        """
        update image_catalog.image
        set
            state = outcome.state,
            reason_code = outcome.reason_code,
            quarantine_key = coalesce(outcome.quarantine_key, image.quarantine_key),
            finished_at = outcome.finished_at,
            format = outcome.format,
            mode = outcome.mode,
            width_px = outcome.width_px,
            height_px = outcome.height_px,
            sha256 = coalesce(outcome.sha256, image.sha256),
            processing_seconds = outcome.processing_seconds,
            claimed_by = null,
            lease_until = null
        from outcome
        where image.image_id = outcome.image_id
          and image.arrived_at = outcome.arrived_at
          and image.state = 'waiting'
          and image.claimed_by = %(run_id)s
        returning image.image_id
        """,
        {"run_id": run_id},
    )
    held = {row[0] for row in finished}
    _replace_renditions(connection, [done for done in outcomes if done.claim.image_id in held])
    connection.execute("drop table outcome")
    return len(held)


def backlog(connection: Connection) -> list[DayBacklog]:
    """Returns the days on which images wait, oldest first."""
    rows = connection.execute(
        """
        select
            (arrived_at at time zone 'UTC')::date as day,
            count(*),
            count(*) filter (where lease_until is null or lease_until < clock_timestamp())
        from image_catalog.image
        where state = 'waiting'
        group by day
        order by day
        """
    )
    return [DayBacklog(*row) for row in rows]  # type: ignore[arg-type]


def _replace_renditions(connection: Connection, outcomes: Sequence[Outcome]) -> None:
    processed = [outcome for outcome in outcomes if isinstance(outcome, Processed)]
    if not processed:
        return
    connection.execute(
        """
        create temporary table made on commit drop as
        select
            image_id, arrived_at, rendition_name, object_key, recipe_hash, format,
            width_px, height_px, size_bytes
        from image_catalog.rendition
        with no data
        """
    )
    _copy(connection, "made", (row for outcome in processed for row in _rendition_rows(outcome)))
    connection.execute(
        """
        insert into image_catalog.rendition (
            image_id, arrived_at, rendition_name, object_key, recipe_hash, format,
            width_px, height_px, size_bytes
        )
        select * from made
        on conflict (image_id, arrived_at, rendition_name) do update
        set
            object_key = excluded.object_key,
            recipe_hash = excluded.recipe_hash,
            format = excluded.format,
            width_px = excluded.width_px,
            height_px = excluded.height_px,
            size_bytes = excluded.size_bytes,
            created_at = clock_timestamp()
        """
    )
    connection.execute("drop table made")


def _copy(connection: Connection, table: str, rows: Iterable[tuple[object, ...]]) -> None:
    """Copies rows into a temporary table; its name is one of this module's own."""
    with connection.cursor().copy(f"copy {table} from stdin") as copy:
        for row in rows:
            copy.write_row(row)


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


def _outcome_row(outcome: Outcome, now: datetime) -> tuple[object, ...]:
    key = (outcome.claim.image_id, outcome.claim.arrived_at)
    if isinstance(outcome, Rejected):
        reason = (outcome.reason.value, outcome.quarantine_key, now)
        return (*key, "rejected", *reason, None, None, None, None, None, None)
    return (
        *key,
        "processed",
        None,
        None,
        now,
        outcome.format,
        outcome.mode,
        outcome.width_px,
        outcome.height_px,
        outcome.sha256,
        outcome.processing_seconds,
    )


def _rendition_rows(outcome: Processed) -> Iterable[tuple[object, ...]]:
    for rendition in outcome.renditions:
        yield (
            outcome.claim.image_id,
            outcome.claim.arrived_at,
            rendition.name,
            rendition.object_key,
            outcome.recipe_hash,
            rendition.format,
            rendition.width_px,
            rendition.height_px,
            rendition.size_bytes,
        )


def _utc_day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()
