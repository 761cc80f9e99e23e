"""Which messages are to be landed once more, as a person says it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from assets.errors import DarkroomError


class ReplayRangeError(DarkroomError):
    """There is no such range of messages; the message says why and what to say instead."""


@dataclass(frozen=True)
class ReplayRange:
    """Messages by offsets of one partition, or by the times of their arrival in any.

    An end that is left out is open. Raises `ReplayRangeError` when the parts do not go together.

    Attributes:
        topic: The topic; None: the one that is landed.
        partition: Its partition; None: all of them, which goes with times only.
        first_offset: The first offset.
        last_offset: The last offset, included.
        from_time: Time of the first message, as the topic keeps it.
        to_time: Messages of this time and later are left out.
    """

    topic: str | None = None
    partition: int | None = None
    first_offset: int | None = None
    last_offset: int | None = None
    from_time: datetime | None = None
    to_time: datetime | None = None

    def __post_init__(self) -> None:
        if (fault := _fault(self)) is not None:
            raise ReplayRangeError(fault)

    @property
    def is_by_time(self) -> bool:
        """Whether it is told by times, and not by offsets."""
        return self.from_time is not None or self.to_time is not None


def read_moment(name: str, text: str | None) -> datetime | None:
    """Reads a time as a person writes it, in ISO 8601 with its zone.

    Raises `ReplayRangeError` that names the field.
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ReplayRangeError(
            f"{name} is “{text}”; write a time such as 2026-01-31T12:00:00Z."
        ) from error
    if moment.tzinfo is None:
        raise ReplayRangeError(
            f"{name} “{text}” has no time zone; write it with one, such as 2026-01-31T12:00:00Z."
        )
    return moment


def _fault(wanted: ReplayRange) -> str | None:
    """Returns what is wrong with a range, as a sentence."""
    offsets = (wanted.first_offset, wanted.last_offset)
    is_by_offset = offsets != (None, None)
    if is_by_offset == wanted.is_by_time:
        return (
            "Say either offsets (partition, first_offset, last_offset) "
            "or times (from_time, to_time) of the messages to replay."
        )
    if is_by_offset and wanted.partition is None:
        return "Offsets count within a partition: say which partition as well."
    if any(number is not None and number < 0 for number in (wanted.partition, *offsets)):
        return "Partitions and offsets count from 0: none is negative."
    if None not in offsets and wanted.first_offset > wanted.last_offset:  # type: ignore[operator]
        return f"first_offset {offsets[0]} is behind last_offset {offsets[1]}: swap them."
    if wanted.from_time and wanted.to_time and wanted.from_time >= wanted.to_time:
        return "from_time is not before to_time: swap them, or leave one out."
    return None
