"""Replay: a range of a topic is landed again, and what the ledger lacks is stored and registered.

It moves no offsets. Known images are left alone; images that are erased or have reached the purge
age stay gone.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from assets.catalog import identity, ledger
from assets.counts import Counts
from assets.ingestion.kafka import topics
from assets.ingestion.kafka.lineage import Lineage
from assets.ingestion.kafka.message_storer import MessageStorer, open_message_storer
from assets.ingestion.kafka.replay_range import ReplayRange, ReplayRangeError
from assets.ingestion.kafka.source import SOURCE, message_origin
from assets.platform import Platform
from assets.resources.event_reader import OffsetsGoneError, Reader
from assets.resources.messages import Message, Position, TopicState
from assets.retention_policy import is_due
from assets.timing import utc_now

_READ_SECONDS = 1.0


@dataclass(frozen=True)
class Replayed(Counts):
    """What a replay did: counts only.

    Attributes:
        known: Messages whose images are in the ledger or erased.
        too_old: Messages that have reached the purge age.
        empty: Offsets of the range without a message.
    """

    messages: int = 0
    known: int = 0
    too_old: int = 0
    new_images: int = 0
    rejected: int = 0
    empty: int = 0


@dataclass(frozen=True)
class _Part:
    """Offsets of one partition; `end` is the first one not included, None means all."""

    partition: int
    first: int
    end: int | None


@dataclass(frozen=True)
class Replay:
    """Lands ranges of topics again."""

    platform: Platform

    def run(self, wanted: ReplayRange) -> Replayed:
        """Replays a range, partition by partition; a repetition changes nothing.

        Raises `ReplayRangeError` when the topic has no such range, `TopicMissingError`, and
        `ServerUnavailableError` when a server goes away.
        """
        state = self.platform.event_log.read_state(
            wanted.topic or self.platform.settings.kafka_topic
        )
        lineage, replayed = self._lineage(state), Replayed()
        with open_message_storer(self.platform) as storer:
            for part in self._parts(state, wanted):
                replayed += self._replay(state, part, lineage, storer)
        return replayed

    def _lineage(self, state: TopicState) -> Lineage:
        with self.platform.warehouse.connect() as connection:
            known = topics.read_topic(connection, state.name)
            incarnation = known.incarnation if known else 0
            lineage = topics.read_lineage(connection, state.name, incarnation)
        if topics.is_recreated(known, state):
            raise ReplayRangeError(
                f"The topic {state.name} was recreated and nothing of the new one has been landed; "
                "run land_messages first, then replay."
            )
        return lineage

    def _parts(self, state: TopicState, wanted: ReplayRange) -> list[_Part]:
        if wanted.partition is not None and wanted.partition not in state.ends:
            raise ReplayRangeError(
                f"The topic {state.name} has no partition {wanted.partition}; "
                f"it has {len(state.ends)}, counted from 0."
            )
        partitions = list(state.ends) if wanted.partition is None else [wanted.partition]
        first: dict[int, int | None] = dict(state.beginnings)
        last = wanted.last_offset
        end = dict.fromkeys(partitions, None if last is None else last + 1)
        if wanted.first_offset is not None:
            first = dict.fromkeys(partitions, wanted.first_offset)
        if wanted.from_time:
            first = self.platform.event_log.offsets_at(state, partitions, wanted.from_time)
        if wanted.to_time:
            end = self.platform.event_log.offsets_at(state, partitions, wanted.to_time)
        return [
            _Part(one, begins, end[one]) for one in partitions if (begins := first[one]) is not None
        ]

    def _replay(
        self, state: TopicState, part: _Part, lineage: Lineage, storer: MessageStorer
    ) -> Replayed:
        begins = max(part.first, state.beginnings[part.partition])
        if part.end is not None and begins >= part.end:
            return Replayed(empty=part.end - part.first)
        replayed = Replayed()
        position = Position(begins, begins)
        with self.platform.event_log.reader(state, {part.partition: position}) as reader:
            for messages in _messages_of(reader, part):
                replayed += self._land(messages, lineage, storer)
            reached = reader.positions()[part.partition].next_offset
        last = reached if part.end is None else part.end
        return replayed + Replayed(empty=last - part.first - replayed.messages)

    def _land(
        self, messages: Sequence[Message], lineage: Lineage, storer: MessageStorer
    ) -> Replayed:
        now, age = utc_now(), self.platform.settings.purge_age
        young = [message for message in messages if not is_due(message.sent_at, now, age)]
        by_id = {
            identity.image_id(SOURCE.name, message_origin(message, lineage)): message
            for message in young
        }
        with self.platform.warehouse.connect() as connection:
            known = set(ledger.find_known(connection, by_id))
        lacking = [message for image, message in by_id.items() if image not in known]
        arrivals = storer.finish(storer.begin(lacking, lineage, now), now)
        key = self.platform.settings.erasure_key
        with self.platform.warehouse.connect() as connection:
            new_images = ledger.register(connection, arrivals, now, key)
        return Replayed(
            messages=len(messages),
            known=len(young) - new_images,
            too_old=len(messages) - len(young),
            new_images=new_images,
            rejected=sum(arrival.reason is not None for arrival in arrivals),
        )


def _messages_of(reader: Reader, part: _Part) -> Iterator[list[Message]]:
    """Reads a part of a partition, as far as the brokers still have it."""
    idle_since = time.monotonic()
    while time.monotonic() - idle_since < reader.delivery_timeout_seconds:
        try:
            chunk = reader.read(_READ_SECONDS)
        except OffsetsGoneError as error:
            raise ReplayRangeError(
                f"Partition {part.partition} has nothing from offset {part.first} on: "
                "those messages expired, or the partition is shorter."
            ) from error
        if chunk.messages:
            idle_since = time.monotonic()
            yield [one for one in chunk.messages if part.end is None or one.offset < part.end]
        reached = reader.positions()[part.partition].next_offset
        if reader.is_at_end() or (part.end is not None and reached >= part.end):
            return
