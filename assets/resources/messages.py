"""Topics and messages of Kafka, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from assets.resources.record_batches import UnreadableReason

_LOG_APPEND_TIME = 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST = datetime.min.replace(tzinfo=UTC)
_LATEST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Message:
    """One message of a topic partition; of several headers with one name the last counts.

    Attributes:
        sent_at: Its timestamp (UTC), by the broker's clock or the sender's.
        value: Its bytes; None for a null value.
        is_unreadable: Whether `value` is a record batch that cannot be read from here on.
    """

    topic: str
    partition: int
    offset: int
    sent_at: datetime
    is_broker_time: bool
    value: bytes | None
    headers: Mapping[str, str]
    is_unreadable: bool = False


@dataclass(frozen=True)
class TopicState:
    """A topic as the brokers describe it at one time.

    Attributes:
        topic_id: The brokers' own identity of it, another one when it is recreated; None when
            they give none (Kafka before 2.8).
        cleanup_policy: `delete`, `compact` or both; None when the brokers report no defaults.
        brokers: How many brokers lead its partitions.
        beginnings: First offset that is still there, by partition.
        ends: End offset as listed, by partition, which open transactions hold back. Where offsets
            are not exact it may be too low (the first offset of the last batch + 1): it shows that
            there is something new, not how much.
    """

    name: str
    topic_id: UUID | None
    cleanup_policy: str | None
    brokers: int
    beginnings: Mapping[int, int]
    ends: Mapping[int, int]

    @property
    def is_exact(self) -> bool:
        """Whether a missing offset is final, as with Apache Kafka.

        Tansu assigns offsets before it has stored the messages: of two senders' messages it may
        show the later one first. It is recognised by reporting no defaults of its configuration.
        """
        return self.cleanup_policy is not None


@dataclass(frozen=True)
class Position:
    """How far a partition has been read.

    Attributes:
        high_watermark: End of the partition as a fetch last reported it.
        leader_epoch: The leader's term that wrote the batch before `next_offset`, if it is known.
            A log that has no such offset in that term was truncated.
    """

    next_offset: int
    high_watermark: int
    leader_epoch: int | None = None


@dataclass(frozen=True)
class SkippedOffsets:
    """Offsets of a partition without a message: from the first up to, not including, the next.

    `unreadable` is why there is none in a batch that was received.
    """

    partition: int
    first_offset: int
    next_offset: int
    unreadable: UnreadableReason | None = None


def read_message(record: Any) -> Message:
    """Reads a record of the Kafka client; no content of a message makes it fail."""
    return Message(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        sent_at=moment(record.timestamp),
        is_broker_time=record.timestamp_type == _LOG_APPEND_TIME,
        value=record.value,
        headers={
            name: value.decode(errors="replace")
            for name, value in record.headers
            if value is not None
        },
    )


def moment(milliseconds: int) -> datetime:
    """Returns a timestamp as a time in UTC; a sender may write any 64-bit number."""
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return _EARLIEST if milliseconds < 0 else _LATEST
