"""The retention policy: the only place that decides from an age which images are due."""

from datetime import UTC, datetime, timedelta

from assets.errors import DarkroomError


class ImplausiblePurgeError(DarkroomError):
    """So large a share is due that a person has to confirm its deletion."""


def cutoff(now: datetime, age: timedelta) -> datetime:
    """Returns the time (UTC) at or before which whatever arrived is due.

    Raises `ValueError` when `now` is naive, or the age is not positive.
    """
    if now.tzinfo is None:
        raise ValueError("now must be aware: pass a datetime with a time zone")
    if age <= timedelta(0):
        raise ValueError("the retention age must be positive")
    return now.astimezone(UTC) - age


def is_due(arrived_at: datetime, now: datetime, age: timedelta) -> bool:
    """Returns whether an image is due; it is at exactly that age."""
    return arrived_at <= cutoff(now, age)


def is_plausible(due: int, total: int, max_share: float, free: int) -> bool:
    """Returns whether a number of deletions needs no confirmation; `free` of them never do."""
    return due <= max(free, max_share * total)
