"""Whatever happens to a topic, each of its messages is landed once and is no other image.

The broker is a model: per partition a log of bodies with the leader epoch that wrote each. Landing
is what `decide` says, and reading to the end.
"""

from dataclasses import dataclass, field, replace
from itertools import count
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.ingestion.kafka.gaps import Gap, GapReason
from assets.ingestion.kafka.lineage import Lineage
from assets.ingestion.kafka.source import message_origin
from assets.ingestion.kafka.topics import KnownTopic, decide
from assets.resources.messages import Position, TopicState
from tests.unit.arrivals import message

TOPIC = "images"


@dataclass
class Broker:
    """A topic with an id, unless the broker gives none, and with leader epochs or without."""

    has_ids: bool = True
    has_epochs: bool = True
    number: int = 1
    epoch: int = 0
    logs: list[list[tuple[int, int]]] = field(default_factory=lambda: [[], []])
    beginnings: dict[int, int] = field(default_factory=dict)
    bodies: count = field(default_factory=count)

    def send(self, partition: int, messages: int) -> None:
        log = self.logs[partition % len(self.logs)]
        log += [(next(self.bodies), self.epoch) for _ in range(messages)]

    def truncate(self, partition: int, lost: int) -> None:
        log = self.logs[partition % len(self.logs)]
        del log[max(0, len(log) - lost) :]
        self.epoch += 1

    def add_partition(self) -> None:
        self.logs.append([])

    def recreate(self) -> None:
        self.number += 1
        self.logs = [[] for _ in self.logs]

    def state(self) -> TopicState:
        partitions = range(len(self.logs))
        return TopicState(
            name=TOPIC,
            topic_id=UUID(int=self.number) if self.has_ids else None,
            cleanup_policy="delete",
            brokers=1,
            beginnings={one: self.beginnings.get(one, 0) for one in partitions},
            ends={one: len(self.logs[one]) for one in partitions},
        )

    def gone(self, position: Position, partition: int) -> dict[int, int | None]:
        """Returns what a broker answers to a reader at this position."""
        log = self.logs[partition]
        if position.leader_epoch is not None:
            kept = sum(epoch <= position.leader_epoch for _, epoch in log)
            if kept < position.next_offset:
                return {partition: kept}
        is_there = self.beginnings.get(partition, 0) <= position.next_offset <= len(log)
        return {} if is_there else {partition: None}


@dataclass
class Landing:
    """What the warehouse knows of the topic: bodies by origin, how far it was landed, gaps."""

    broker: Broker = field(default_factory=Broker)
    images: dict[str, int] = field(default_factory=dict)
    known: KnownTopic | None = None
    lineage: Lineage = field(default_factory=Lineage)
    stored: dict[int, Position] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)

    def run(self) -> int:
        """Lands the topic to its end; returns the number of new images."""
        before, gone = len(self.images), {}
        while True:
            opened = decide(self.broker.state(), self.known, self.lineage, self.stored, gone)
            self.lineage, self.stored = opened.lineage, dict(opened.positions)
            self.known = KnownTopic(self.lineage.incarnation, opened.state.topic_id)
            self.gaps += opened.gaps
            gone = {}
            for partition, position in self.stored.items():
                gone |= self.broker.gone(position, partition)
            if not gone:
                break
        for partition in self.stored:
            self._read(partition)
        return len(self.images) - before

    def _read(self, partition: int) -> None:
        log = self.broker.logs[partition]
        for offset in range(self.stored[partition].next_offset, len(log)):
            read = message(topic=TOPIC, partition=partition, offset=offset)
            body, epoch = log[offset]
            assert self.images.setdefault(message_origin(read, self.lineage), body) == body
            leader_epoch = epoch if self.broker.has_epochs else None
            self.stored[partition] = Position(offset + 1, len(log), leader_epoch)

    def ranges(self) -> list[tuple[int, int, int, str]]:
        return [(one.partition, one.first_offset, one.next_offset, one.reason) for one in self.gaps]


partitions, some = st.integers(0, 3), st.integers(1, 6)
changes = st.lists(
    st.one_of(
        st.tuples(st.just("send"), partitions, some),
        st.tuples(st.just("truncate"), partitions, some),
        st.tuples(st.just("recreate")),
        st.tuples(st.just("add_partition")),
        st.tuples(st.just("land")),
    ),
    max_size=30,
)


@given(changes)
def test_each_message_is_landed_once_whatever_is_truncated_recreated_or_added(
    happens: list[tuple],
) -> None:
    landing = Landing()
    for what, *arguments in [*happens, ("land",)]:
        if what != "land":
            getattr(landing.broker, what)(*arguments)
            continue
        was_known, number = landing.known, landing.broker.number
        landing.run()
        is_recreated = was_known is not None and was_known.topic_id != UUID(int=number)
        incarnation = was_known.incarnation if was_known else 0
        assert landing.lineage.incarnation == incarnation + is_recreated
        waiting = {body for log in landing.broker.logs for body, _ in log}
        assert waiting <= set(landing.images.values())
        assert len(set(landing.images.values())) == len(landing.images)
        keys = {replace(one, next_offset=0) for one in landing.gaps}
        assert len(keys) == len(landing.gaps)


@given(changes)
def test_without_leader_epochs_no_message_is_another_image_if_truncations_are_landed_at_once(
    happens: list[tuple],
) -> None:
    landing = Landing(Broker(has_epochs=False))
    for what, *arguments in [*happens, ("land",)]:
        if what != "land":
            landing.run()
            getattr(landing.broker, what)(*arguments)
        landing.run()
    assert len(set(landing.images.values())) == len(landing.images)


def landed(**broker: bool) -> Landing:
    """Returns a landing of a topic with ten messages in each of its two partitions."""
    landing = Landing(Broker(**broker))
    landing.broker.send(0, 10)
    landing.broker.send(1, 10)
    landing.run()
    return landing


def test_a_partition_that_lost_its_end_is_read_on_from_there_and_the_others_stay() -> None:
    landing = landed()
    landing.broker.truncate(0, 4)
    landing.broker.send(0, 1)
    assert landing.run() == 1
    assert landing.images["images/0~1/6"] == 20
    assert landing.ranges() == [(0, 6, 10, "truncated")]
    assert landing.stored[1].next_offset == 10


def test_a_log_that_has_grown_beyond_what_it_lost_is_found_by_its_leader_epoch() -> None:
    landing = landed()
    landing.broker.truncate(0, 4)
    landing.broker.send(0, 9)
    assert landing.run() == 9


def test_without_leader_epochs_a_shorter_log_is_read_on_from_its_end() -> None:
    landing = landed(has_epochs=False)
    landing.broker.truncate(0, 4)
    assert landing.run() == 0
    landing.broker.send(0, 1)
    assert landing.run() == 1
    assert landing.lineage == Lineage(0, {0: (6,)})


def test_a_topic_without_an_id_that_ends_earlier_counts_as_recreated() -> None:
    landing = landed(has_ids=False)
    landing.broker.truncate(0, 4)
    assert landing.run() == 16
    assert landing.lineage == Lineage(1)


def test_a_log_that_ends_earlier_and_lost_its_beginning_too_has_two_gaps() -> None:
    landing = landed()
    landing.broker.truncate(0, 8)
    landing.broker.send(0, 5)
    landing.broker.beginnings[0] = 5
    assert landing.run() == 2
    assert landing.ranges() == [(0, 2, 10, "truncated"), (0, 2, 5, "expired")]


@pytest.mark.parametrize(
    ("lost", "offset", "number"), [((), 5, 0), ((5,), 4, 0), ((5,), 5, 1), ((5, 9, 7), 8, 3)]
)
def test_an_offset_belongs_to_the_last_truncation_that_lost_it(
    lost: tuple[int, ...], offset: int, number: int
) -> None:
    assert Lineage(0, {0: lost}).truncation(0, offset) == number


def test_a_gap_says_how_often_its_partition_had_been_truncated() -> None:
    landing = landed()
    for _ in range(2):
        landing.broker.truncate(0, 1)
        landing.run()
    place = ("images", 0, 0)
    assert landing.gaps == [
        Gap(*place, 0, 9, 10, GapReason.TRUNCATED),
        Gap(*place, 1, 8, 9, GapReason.TRUNCATED),
    ]
