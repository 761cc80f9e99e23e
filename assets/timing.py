"""The clock, read in one place, so that everything else takes `now` as an argument."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Returns the present moment, aware and in UTC."""
    return datetime.now(UTC)
