"""Which days are complete: nothing of them waits, and today's recipe has made all renditions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from assets.catalog.leases import OUTDATED
from assets.catalog.visibility import VISIBLE
from assets.resources.warehouse import Connection


@dataclass(frozen=True)
class Unfinished:
    """What is left to do.

    Attributes:
        on_day: Visible images of one day that wait, or whose renditions another recipe has made.
        days_known: UTC days of which images are in the ledger.
        days_complete: Those of which none is left.
    """

    on_day: int
    days_known: int
    days_complete: int


def count_unfinished(connection: Connection, day: date, recipe_hash: str) -> Unfinished:
    """Counts what is left of a UTC day, and the days of which nothing is; by indexes alone.

    What has expired or is withdrawn is left to retention.
    """
    [row] = connection.execute(
        f"""
        with known as (
            select distinct (arrived_hour at time zone 'UTC')::date as day
            from image_catalog.arrival_count
            where landed_count > purged_count
        ),
        bounded as (
            select
                day,
                day::timestamp at time zone 'UTC' as begins_at,
                (day + 1)::timestamp at time zone 'UTC' as ends_at
            from known
        )
        select
            coalesce(sum(waiting.images + outdated.images) filter (where day = %(day)s), 0),
            count(*),
            count(*) filter (where waiting.images + outdated.images = 0)
        from bounded
        cross join lateral (
            select count(*) as images
            from image_catalog.image
            where state = 'waiting'
              and arrived_at >= begins_at and arrived_at < ends_at and {VISIBLE}
        ) as waiting
        cross join lateral (
            select count(*) as images
            from image_catalog.image
            where {OUTDATED}
              and arrived_at >= begins_at and arrived_at < ends_at and {VISIBLE}
        ) as outdated
        """,  # noqa: S608 - the conditions are the project's own
        {"day": day, "recipe_hash": recipe_hash},
    )
    return Unfinished(*(int(str(number)) for number in row))
