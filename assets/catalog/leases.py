"""Claims: which run works on which image, until when, and how it gives an image back.

Like all of the ledger's functions these take an open connection and never commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta

from assets.catalog.records import LeasedImage
from assets.catalog.visibility import VISIBLE
from assets.resources.warehouse import Connection

MAX_ATTEMPTS = 5
"""After so many runs that took an image and did not finish it, it is rejected."""

# Not `<>`: an index finds what is smaller or larger.
OUTDATED = """
    state = 'processed'
    and (
        recipe_hash < %(recipe_hash)s
        or recipe_hash > %(recipe_hash)s
        or recipe_hash is null
    )
"""
"""Condition on an image: another recipe has made it than the one of the parameter."""


@dataclass(frozen=True)
class LeaseRequest:
    """Who takes images of which UTC day, for how long, and the recipe that will make them."""

    day: date
    run_id: str
    lease: timedelta
    recipe_hash: str


def claim_waiting(
    connection: Connection, lease_request: LeaseRequest, limit: int
) -> list[LeasedImage]:
    """Takes up to `limit` visible waiting images of a day, oldest first, that nobody holds."""
    return _take(connection, "state = 'waiting'", lease_request, limit)


def claim_outdated(
    connection: Connection, lease_request: LeaseRequest, limit: int
) -> list[LeasedImage]:
    """Takes up to `limit` visible images of a day that another recipe has made."""
    return _take(connection, OUTDATED, lease_request, limit)


def _take(
    connection: Connection, wanted: str, lease_request: LeaseRequest, limit: int
) -> list[LeasedImage]:
    rows = connection.execute(
        f"""
        with claimable as (
            select image_id, arrived_at
            from image_catalog.image
            where {wanted}
              and {VISIBLE}
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
        """,  # noqa: S608 - the conditions are the project's own
        {**asdict(lease_request), "limit": limit},
    )
    taken = [LeasedImage(*row) for row in rows]  # type: ignore[arg-type]
    if taken:
        _cancel_deletion_of_renditions(connection, taken, lease_request.recipe_hash)
    return taken


def _cancel_deletion_of_renditions(
    connection: Connection, taken: Sequence[LeasedImage], recipe_hash: str
) -> None:
    """Takes what claimed images are about to be given from the objects that are to be deleted.

    An image may have had these very renditions before, and lost them to another recipe or a
    rejection. Waits for a deletion that is under way.
    """
    connection.execute(
        """
        delete from image_catalog.replaced_object
        where image_id = any(%(images)s) and recipe_hash = %(recipe_hash)s
        """,
        {"images": [claim.image_id for claim in taken], "recipe_hash": recipe_hash},
    )


def renew_leases(connection: Connection, run_id: str, lease: timedelta) -> int:
    """Prolongs the leases of what a run still holds; returns of how many images."""
    renewed = connection.execute(
        """
        update image_catalog.image
        set lease_until = clock_timestamp() + %(lease)s
        where claimed_by = %(run_id)s
        """,
        {"run_id": run_id, "lease": lease},
    )
    return renewed.rowcount


def release_leases(connection: Connection, run_id: str, *, is_blameless: bool) -> int:
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
        where claimed_by = %(run_id)s
        """,
        {"run_id": run_id, "forgiven": int(is_blameless)},
    )
    return released.rowcount
