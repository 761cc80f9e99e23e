"""Leases: which run works on which image, until when, and how it releases it.

Like all functions of the ledger these take an open connection and never commit.
"""

from dataclasses import asdict, dataclass
from datetime import date, timedelta

from psycopg import sql

from assets.catalog.records import LeasedImage
from assets.catalog.visibility import VISIBLE
from assets.resources.warehouse import Connection, read_rows

MAX_ATTEMPTS = 5
"""An image is rejected after this number of runs claimed it and did not finish it."""

# Not `<>`: an index finds smaller and larger values.
OUTDATED = sql.SQL(
    "state = 'processed' and (recipe_hash < %(recipe_hash)s or recipe_hash > %(recipe_hash)s"
    " or recipe_hash is null)"
)
"""Condition on an image: it was processed by another recipe than the parameter's."""

_CLAIM = sql.SQL(
    """
    with claimable as (
        select image_id, arrived_at
        from image_catalog.image
        where {wanted}
          and {visible}
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
    """
)
_CLAIM_WAITING = _CLAIM.format(wanted=sql.SQL("state = 'waiting'"), visible=VISIBLE)
_CLAIM_OUTDATED = _CLAIM.format(wanted=OUTDATED, visible=VISIBLE)


@dataclass(frozen=True)
class LeaseRequest:
    """Which run claims images of which UTC day, for how long, and for which recipe."""

    day: date
    run_id: str
    lease: timedelta
    recipe_hash: str


def claim(
    connection: Connection, request: LeaseRequest, limit: int, *, outdated: bool = False
) -> list[LeasedImage]:
    """Claims up to `limit` visible waiting or outdated images that nobody leases, oldest first."""
    query = _CLAIM_OUTDATED if outdated else _CLAIM_WAITING
    claimed = read_rows(connection, LeasedImage, query, {**asdict(request), "limit": limit})
    if claimed:
        # An image may have had the renditions that are about to be made before, and lost them to
        # another recipe or a rejection. This waits for a deletion in flight.
        connection.execute(
            "delete from image_catalog.replaced_object"
            " where image_id = any(%s) and recipe_hash = %s",
            [[image.image_id for image in claimed], request.recipe_hash],
        )
    return claimed


def renew_leases(connection: Connection, run_id: str, lease: timedelta) -> int:
    """Extends all leases of a run; returns of how many images."""
    return connection.execute(
        "update image_catalog.image set lease_until = clock_timestamp() + %s where claimed_by = %s",
        [lease, run_id],
    ).rowcount


def release_leases(connection: Connection, run_id: str, *, counts_as_attempt: bool) -> int:
    """Releases the images that a run claimed and did not finish; returns how many wait again.

    Args:
        counts_as_attempt: False when the run ended for a reason that no image can have caused,
            such as a server that was down; then `claim_count` goes back.
    """
    return connection.execute(
        """
        update image_catalog.image
        set claimed_by = null, lease_until = null, claim_count = claim_count - %(uncounted)s
        where claimed_by = %(run_id)s
        """,
        {"run_id": run_id, "uncounted": int(not counts_as_attempt)},
    ).rowcount
