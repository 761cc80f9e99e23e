"""How old an image may be. The one place that turns the configured age into a moment in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from assets.errors import DarkroomError


class ImplausiblePurgeError(DarkroomError):
    """So much is to be deleted that somebody should look before it goes."""


def cutoff(now: datetime, age: timedelta) -> datetime:
    """Returns the moment before which everything that arrived is to go.

    Args:
        now: The present, aware.
        age: The age at which an image goes.

    Raises:
        ValueError: `now` is naive, or the age is not positive.
    """
    if now.tzinfo is None:
        raise ValueError("now must be aware: pass a datetime with a time zone")
    if age <= timedelta(0):
        raise ValueError("the retention age must be positive")
    return now.astimezone(UTC) - age


def is_due(arrived_at: datetime, now: datetime, age: timedelta) -> bool:
    """Tells whether an image that arrived then is to go now: at the age exactly, it is."""
    return arrived_at <= cutoff(now, age)


def is_plausible(due: int, held: int, max_share: float, free: int) -> bool:
    """Tells whether so many of all images may be due, or somebody should look first.

    Args:
        due: Images that are due.
        held: All images.
        max_share: The largest share of them that may go at once.
        free: So many may go whatever their share.
    """
    return due <= max(free, max_share * held)
