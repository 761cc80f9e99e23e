"""Messages of a Kafka topic, read by offsets that the caller keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from assets.resources.errors import ServerUnavailableError
from assets.settings import Settings

_TIMEOUT_MS = 10_000
_MAX_MESSAGE_BYTES = 12 * 1024 * 1024
_MAX_FETCH_BYTES = 32 * 1024 * 1024
_MAX_POLL_RECORDS = 200
_LOG_APPEND_TIME = 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)


class TopicMissingError(Exception):
    """The topic does not exist on the brokers."""


@dataclass(frozen=True)
class Message:
    """One message of a topic partition.

    Attributes:
        partition: Its partition.
        offset: Its offset in the partition.
        sent_at: Its timestamp (UTC).
        is_broker_time: Whether the broker's clock gave the timestamp, or the sender's.
        value: Its bytes; None for a null value.
        headers: Its headers; of several with one name the last counts.
    """

    topic: str
    partition: int
    offset: int
    sent_at: datetime
    is_broker_time: bool
    value: bytes | None
    headers: Mapping[str, str]


@dataclass(frozen=True)
class EventLog:
    """The brokers, as one consumer group that only reports its progress there."""

    settings: Settings

    def end_offsets(self, topic: str) -> dict[int, int]:
        """Returns each partition's end offset as listed.

        Some brokers list less than there is (the last batch's first offset + 1): take a listed end
        as a sign of news and read on to the high watermark that a fetch reports.
        """
        with self._consumer() as consumer:
            ends = consumer.end_offsets(_partitions(consumer, topic))
        return {partition.partition: end for partition, end in ends.items()}

    @contextmanager
    def reader(self, topic: str, next_offsets: Mapping[int, int]) -> Iterator[Reader]:
        """Opens a reader at the given offsets, or where a partition begins if that is later."""
        with self._consumer() as consumer:
            partitions = _partitions(consumer, topic)
            consumer.assign(partitions)
            beginnings = consumer.beginning_offsets(partitions)
            for partition in partitions:
                beginning = beginnings[partition]
                consumer.seek(partition, max(beginning, next_offsets.get(partition.partition, 0)))
            yield Reader(consumer, tuple(partitions))

    @contextmanager
    def _consumer(self) -> Iterator[KafkaConsumer]:
        servers = self.settings.kafka_bootstrap_servers
        try:
            consumer = KafkaConsumer(
                bootstrap_servers=servers,
                group_id=self.settings.kafka_group,
                enable_auto_commit=False,
                auto_offset_reset="none",
                bootstrap_timeout_ms=_TIMEOUT_MS,
                request_timeout_ms=_TIMEOUT_MS,
                fetch_max_bytes=_MAX_FETCH_BYTES,
                max_partition_fetch_bytes=_MAX_MESSAGE_BYTES,
                max_poll_records=_MAX_POLL_RECORDS,
            )
            try:
                yield consumer
            finally:
                consumer.close(autocommit=False, timeout_ms=_TIMEOUT_MS)
        except (KafkaError, OSError) as error:
            raise ServerUnavailableError("Kafka", servers, type(error).__name__) from error


@dataclass(frozen=True)
class Reader:
    """A position in every partition of a topic."""

    consumer: KafkaConsumer
    partitions: tuple[TopicPartition, ...]

    def poll(self, timeout_seconds: float) -> list[Message]:
        """Returns the next messages, at most about 32 MiB; none when nothing comes in time.

        A broker that has gone is found out here: silence is checked by asking it for its offsets.
        """
        polled = self.consumer.poll(timeout_ms=int(timeout_seconds * 1000))
        messages = [_message(record) for records in polled.values() for record in records]
        if not messages:
            self.consumer.end_offsets(list(self.partitions))
        return messages

    def positions(self) -> dict[int, tuple[int, int]]:
        """Returns per partition the next offset and the high watermark as last fetched."""
        found = {}
        for partition in self.partitions:
            position = self.consumer.position(partition)
            high_watermark = self.consumer.highwater(partition)
            found[partition.partition] = (position, max(position, high_watermark or 0))
        return found

    def report(self, next_offsets: Mapping[int, int]) -> None:
        """Commits offsets to the brokers for lag monitors; the ledger's offsets are the truth."""
        topic = self.partitions[0].topic
        self.consumer.commit(
            {
                TopicPartition(topic, partition): OffsetAndMetadata(offset, "", -1)
                for partition, offset in next_offsets.items()
            }
        )


def _partitions(consumer: KafkaConsumer, topic: str) -> list[TopicPartition]:
    numbers = consumer.partitions_for_topic(topic)
    if not numbers:
        raise TopicMissingError(f"The topic {topic} does not exist; make it, or set KAFKA_TOPIC.")
    return [TopicPartition(topic, number) for number in sorted(numbers)]


def _moment(milliseconds: int) -> datetime:
    """Returns a timestamp as a moment; a sender may write any 64-bit number."""
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return _FIRST if milliseconds < 0 else _LAST


def _message(record: Any) -> Message:
    return Message(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        sent_at=_moment(record.timestamp),
        is_broker_time=record.timestamp_type == _LOG_APPEND_TIME,
        value=record.value,
        headers={
            name: value.decode(errors="replace")
            for name, value in record.headers
            if value is not None
        },
    )
