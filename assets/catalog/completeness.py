"""Which days are complete: no image waits, and the current recipe has made all renditions."""

from dataclasses import dataclass
from datetime import date

from psycopg import sql

from assets.catalog.leases import OUTDATED
from assets.catalog.visibility import VISIBLE
from assets.resources.warehouse import Connection, read_rows

_UNFINISHED = sql.SQL(
    """
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
        coalesce(
            sum(waiting.images + outdated.images) filter (where day = %(day)s), 0
        )::bigint as on_day,
        count(*) as days_known,
        count(*) filter (where waiting.images + outdated.images = 0) as days_complete
    from bounded
    cross join lateral (
        select count(*) as images
        from image_catalog.image
        where state = 'waiting'
          and arrived_at >= begins_at and arrived_at < ends_at and {visible}
    ) as waiting
    cross join lateral (
        select count(*) as images
        from image_catalog.image
        where {outdated}
          and arrived_at >= begins_at and arrived_at < ends_at and {visible}
    ) as outdated
    """
).format(visible=VISIBLE, outdated=OUTDATED)


@dataclass(frozen=True)
class Unfinished:
    """Visible images of one day that wait or are outdated, and days without any such image."""

    on_day: int
    days_known: int
    days_complete: int


def count_unfinished(connection: Connection, day: date, recipe_hash: str) -> Unfinished:
    """Counts the unfinished images of a UTC day, and the complete days; reads indexes alone.

    Expired and withdrawn images do not count.
    """
    parameters = {"day": day, "recipe_hash": recipe_hash}
    [unfinished] = read_rows(connection, Unfinished, _UNFINISHED, parameters)
    return unfinished
