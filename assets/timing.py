"""The only reader of the clock; all other code takes `now` as an argument."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Returns the current time, aware and in UTC."""
    return datetime.now(UTC)
