"""Reading a topic: a position in each of its partitions, messages from there, skipped offsets."""

import gc
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError, LogTruncationError, OffsetOutOfRangeError
from kafka.structs import OffsetAndMetadata

from assets.resources.kafka_errors import describe, meaning
from assets.resources.messages import (
    Message,
    Position,
    SkippedOffsets,
    TopicState,
    read_message,
)
from assets.resources.record_batches import UnreadableBytes
from assets.resources.topic_states import read_shape

_LOG = logging.getLogger(__name__)
_RETRY_SECONDS = 1.0
_DELIVERY_TIMEOUT_SECONDS = 10.0
_TIMEOUT_MS = 10_000
_UNKNOWN_EPOCH = -1
# kafka-python validates positions that have a leader epoch, and no public method takes one.
_subscription = attrgetter("_subscription")


class OffsetsGoneError(Exception):
    """Logs no longer have the offset to read next, or no longer what was read before it.

    `diverges_at` gives by partition the first offset that is not what it was when it was read; None
    where the brokers do not know.
    """

    def __init__(self, diverges_at: Mapping[int, int | None]) -> None:
        partitions = ", ".join(map(str, sorted(diverges_at)))
        super().__init__(f"The next offsets to read are gone in the partitions {partitions}.")
        self.diverges_at = diverges_at


@dataclass(frozen=True)
class Chunk:
    """What was read at once: messages in the order of their partitions, and skipped offsets."""

    messages: Sequence[Message]
    skipped: Sequence[SkippedOffsets]


@dataclass(frozen=True)
class _Wait:
    """A skipped offset that may still appear: since when it is watched, when it is read again."""

    offset: int
    since: float
    retry_at: float = 0.0

    def has_lasted(self, offset: int, now: float, seconds: float) -> bool:
        return self.offset == offset and now - self.since >= seconds


class Reader:
    """A position in partitions of a topic, which the consumer is assigned to alone.

    Where offsets are exact, messages appear in order, and a skipped offset is final.
    Elsewhere a skipped offset may still appear: it counts only after it has been read again for
    `skip_confirmation_seconds`.
    """

    def __init__(
        self,
        consumer: KafkaConsumer,
        admin: KafkaAdminClient,
        topic: TopicState,
        positions: Mapping[int, Position],
        skip_confirmation_seconds: float,
    ) -> None:
        self._consumer = consumer
        self._admin = admin
        self._topic = topic
        self._next = {one: position.next_offset for one, position in positions.items()}
        self._skip_confirmation_seconds = skip_confirmation_seconds
        self._reported: dict[int, int] = {}
        self._waits: dict[int, _Wait] = {}
        self._tails: dict[int, _Wait] = {}
        for partition, position in positions.items():
            epoch = _UNKNOWN_EPOCH if position.leader_epoch is None else position.leader_epoch
            wanted = OffsetAndMetadata(position.next_offset, "", epoch)
            _subscription(consumer).seek(self._named(partition), wanted)

    @property
    def delivery_timeout_seconds(self) -> float:
        """How long to wait for messages that the brokers announce but do not send."""
        if self._topic.is_exact:
            return _DELIVERY_TIMEOUT_SECONDS
        return _DELIVERY_TIMEOUT_SECONDS + self._skip_confirmation_seconds

    def read(self, timeout_seconds: float) -> Chunk:
        """Returns the next messages; none when nothing comes in time.

        Raises `OffsetsGoneError` when a log begins after a position, or was truncated before it;
        what was read with it is to be read again.
        """
        # A poll that times out inside kafka-python leaves its traceback in a reference cycle, and
        # with it the messages of our frames: few large objects, too few to start the collector.
        gc.collect(1)
        now = time.monotonic()
        self._look_again(now)
        messages: list[Message] = []
        skipped: list[SkippedOffsets] = []
        try:
            polled = self._consumer.poll(timeout_ms=int(timeout_seconds * 1000))
            for named, records in polled.items():
                self._take(named.partition, records, now, messages, skipped)
            self._skip_to_position(skipped)
        except OffsetOutOfRangeError as error:
            raise OffsetsGoneError({named.partition: None for named in error.args[0]}) from error
        except LogTruncationError as error:
            diverges_at = {
                named.partition: found.offset if found is not None else None
                for named, found in error.divergent_offsets.items()
            }
            raise OffsetsGoneError(diverges_at) from error
        if polled:
            self._tails.clear()
        elif not self._topic.is_exact:
            self._confirm_tails(now, skipped)
        return Chunk(messages, skipped)

    def positions(self) -> dict[int, Position]:
        """Returns how far each partition has been read."""
        return {
            partition: Position(
                offset,
                max(offset, self._high_watermark(partition) or 0),
                self._epoch(partition),
            )
            for partition, offset in self._next.items()
        }

    def is_at_end(self) -> bool:
        """Returns whether every partition was read to the high watermark that a fetch reported."""
        watermarks = {partition: self._high_watermark(partition) for partition in self._next}
        return all(
            watermark is not None and self._next[partition] >= watermark
            for partition, watermark in watermarks.items()
        )

    def is_topic_unchanged(self) -> bool:
        """Asks the brokers whether this is still the topic that was opened, with its partitions.

        Raises `TopicMissingError` when it is gone.
        """
        topic_id, leaders = read_shape(self._admin, self._topic.name)
        return topic_id == self._topic.topic_id and leaders.keys() == self._topic.ends.keys()

    def report(self, reached: Mapping[int, Position]) -> bool:
        """Commits what is new to the consumer group, and returns whether the brokers took it.

        Only lag monitors need it: the ledger's offsets are the truth. A group with members that
        other programs started refuses it. Belongs after the transaction that holds what was read up
        to there.
        """
        offsets = {partition: position.next_offset for partition, position in reached.items()}
        news = {
            self._named(partition): OffsetAndMetadata(offset, "", _UNKNOWN_EPOCH)
            for partition, offset in offsets.items()
            if self._reported.get(partition) != offset
        }
        if not news:
            return True
        self._reported = offsets
        try:
            self._consumer.commit(news, timeout_ms=_TIMEOUT_MS)
        except KafkaError as error:
            if meaning(error) is None:
                raise
            _LOG.warning("The consumer group did not take the offsets: %s", describe(error))
            return False
        return True

    def _take(
        self,
        partition: int,
        records: Sequence[Any],
        now: float,
        messages: list[Message],
        skipped: list[SkippedOffsets],
    ) -> None:
        """Takes a partition's records up to the first skipped offset that may still appear."""
        for record in records:
            expected, value = self._next[partition], record.value
            is_unreadable = isinstance(value, UnreadableBytes)
            first = max(expected, value.first_offset) if is_unreadable else record.offset
            if first > expected:
                if not self._is_final(partition, expected, now):
                    self._watch(partition, expected, now)
                    return
                skipped.append(SkippedOffsets(partition, expected, first))
            message = read_message(record)
            if is_unreadable:
                message = replace(message, offset=first, is_unreadable=True)
                lost = SkippedOffsets(partition, first, record.offset + 1, value.reason)
                skipped.append(lost)
            messages.append(message)
            self._next[partition] = record.offset + 1
        self._waits.pop(partition, None)

    def _is_final(self, partition: int, offset: int, now: float) -> bool:
        if self._topic.is_exact:
            return True
        wait = self._waits.get(partition)
        return wait is not None and wait.has_lasted(offset, now, self._skip_confirmation_seconds)

    def _watch(self, partition: int, offset: int, now: float) -> None:
        """Seeks back to a skipped offset and pauses the partition until it is read again."""
        wait = self._waits.get(partition)
        since = wait.since if wait is not None and wait.offset == offset else now
        self._waits[partition] = _Wait(offset, since, now + _RETRY_SECONDS)
        self._consumer.seek(self._named(partition), offset)
        self._consumer.pause(self._named(partition))

    def _look_again(self, now: float) -> None:
        due = [partition for partition, wait in self._waits.items() if wait.retry_at <= now]
        self._consumer.resume(*map(self._named, due))

    def _skip_to_position(self, skipped: list[SkippedOffsets]) -> None:
        """Skips the ends of batches that contain no message for readers.

        Those are transaction markers and records that compaction removed.
        """
        for partition in self._next.keys() - self._waits.keys():
            position = self._consumer.position(self._named(partition))
            if position > self._next[partition]:
                skipped.append(SkippedOffsets(partition, self._next[partition], position))
                self._next[partition] = position

    def _confirm_tails(self, now: float, skipped: list[SkippedOffsets]) -> None:
        """Confirms skipped offsets at the end of a log while nothing arrives and brokers answer."""
        for partition in self._next.keys() - self._waits.keys():
            offset, watermark = self._next[partition], self._high_watermark(partition)
            if watermark is None or offset >= watermark:
                continue
            tail = self._tails.get(partition)
            if tail is None or tail.offset != offset:
                self._tails[partition] = _Wait(offset, now)
            elif tail.has_lasted(offset, now, self._skip_confirmation_seconds):
                skipped.append(SkippedOffsets(partition, offset, watermark))
                self._next[partition] = watermark
                self._consumer.seek(self._named(partition), watermark)

    def _high_watermark(self, partition: int) -> int | None:
        watermark: int | None = self._consumer.highwater(self._named(partition))
        return watermark

    def _epoch(self, partition: int) -> int | None:
        """Returns the leader epoch of the batch before the consumer's position, if it is known."""
        named = self._named(partition)
        epoch: int = _subscription(self._consumer).assignment[named].position.leader_epoch
        # Without exact offsets the consumer may have been set back to a skipped one.
        return epoch if self._topic.is_exact and epoch != _UNKNOWN_EPOCH else None

    def _named(self, partition: int) -> TopicPartition:
        return TopicPartition(self._topic.name, partition)
