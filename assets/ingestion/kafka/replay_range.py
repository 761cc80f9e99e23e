"""Which messages to land again, as a person specifies them."""

from dataclasses import dataclass
from datetime import datetime

from assets.errors import DarkroomError


class ReplayRangeError(DarkroomError):
    """There is no such range of messages; the error says why and what to enter instead."""


@dataclass(frozen=True)
class ReplayRange:
    """Messages by offsets of one partition, or by the times of their arrival in any.

    An end that is None is open. Raises `ReplayRangeError` when the fields contradict each other.

    Attributes:
        topic: The topic; None: the one that is landed.
        partition: Its partition; None: all of them, with times only.
        last_offset: The last offset, included.
        to_time: Messages with this timestamp or a later one are left out.
    """

    topic: str | None = None
    partition: int | None = None
    first_offset: int | None = None
    last_offset: int | None = None
    from_time: datetime | None = None
    to_time: datetime | None = None

    def __post_init__(self) -> None:
        if (mistake := _mistake(self)) is not None:
            raise ReplayRangeError(mistake)

    @property
    def is_by_time(self) -> bool:
        """Whether it is given by times, not by offsets."""
        return self.from_time is not None or self.to_time is not None


def read_moment(name: str, text: str | None) -> datetime | None:
    """Parses a time in ISO 8601 with a time zone.

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


def _mistake(wanted: ReplayRange) -> str | None:
    offsets = (wanted.first_offset, wanted.last_offset)
    is_by_offset = offsets != (None, None)
    if is_by_offset == wanted.is_by_time:
        return (
            "Enter either offsets (partition, first_offset, last_offset) "
            "or times (from_time, to_time) of the messages to replay."
        )
    if is_by_offset and wanted.partition is None:
        return "Offsets count within a partition: enter the partition as well."
    if any(number is not None and number < 0 for number in (wanted.partition, *offsets)):
        return "Partitions and offsets count from 0: none is negative."
    first, last = offsets
    if first is not None and last is not None and first > last:
        return f"first_offset {first} is greater than last_offset {last}: swap them."
    if wanted.from_time and wanted.to_time and wanted.from_time >= wanted.to_time:
        return "from_time is not before to_time: swap them, or leave one out."
    return None
