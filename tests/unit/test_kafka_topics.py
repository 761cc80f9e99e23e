"""A topic by its offsets: whether it was recreated, what is missing, how many messages wait."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.ingestion.kafka.gaps import Gap, GapReason, count_missing
from assets.ingestion.kafka.lineage import Lineage
from assets.ingestion.kafka.topics import (
    KnownTopic,
    OpenedTopic,
    is_recreated,
    lag,
    may_be_shorter,
    missing_offsets,
)
from assets.resources.messages import Position, SkippedOffsets, TopicState

AN_ID, ANOTHER_ID = UUID(int=1), UUID(int=2)


def state(**changes: Any) -> TopicState:
    told: dict[str, Any] = {
        "name": "images",
        "topic_id": AN_ID,
        "cleanup_policy": "delete",
        "brokers": 1,
        "beginnings": {0: 0, 1: 0},
        "ends": {0: 10, 1: 10},
    }
    return TopicState(**told | changes)


@pytest.mark.parametrize(
    ("known", "told", "is_new"),
    [
        (None, AN_ID, False),
        (KnownTopic(0, AN_ID), AN_ID, False),
        (KnownTopic(0, AN_ID), ANOTHER_ID, True),
        (KnownTopic(0, None), AN_ID, False),
        (KnownTopic(0, AN_ID), None, False),
    ],
)
def test_a_topic_is_recreated_when_the_brokers_report_another_identity(
    known: KnownTopic | None, told: UUID | None, is_new: bool
) -> None:
    assert is_recreated(known, state(topic_id=told)) is is_new


@pytest.mark.parametrize(
    ("stored", "is_suspected"),
    [
        ({}, False),
        ({0: Position(10, 10), 1: Position(3, 10)}, False),
        ({0: Position(11, 11)}, True),
    ],
)
@pytest.mark.parametrize("topic_id", [None, AN_ID])
def test_a_topic_is_looked_at_when_it_ends_before_what_was_landed(
    topic_id: UUID | None, stored: dict[int, Position], is_suspected: bool
) -> None:
    assert may_be_shorter(state(topic_id=topic_id), stored) is is_suspected


@pytest.mark.parametrize(("topic_id", "is_suspected"), [(None, True), (AN_ID, False)])
def test_a_partition_that_is_not_there_makes_a_topic_without_an_identity_suspicious(
    topic_id: UUID | None, is_suspected: bool
) -> None:
    assert may_be_shorter(state(topic_id=topic_id), {7: Position(1, 1)}) is is_suspected


def test_a_topic_whose_offsets_are_not_exact_may_be_listed_too_short() -> None:
    assert not may_be_shorter(state(cleanup_policy=None), {0: Position(11, 11)})


@pytest.mark.parametrize(
    ("policy", "count"), [("delete", 0), ("compact", 1), ("compact,delete", 1), (None, 1)]
)
def test_holes_are_gaps_unless_the_topic_is_known_to_be_trimmed_only(
    policy: str | None, count: int
) -> None:
    opened = OpenedTopic(state(cleanup_policy=policy), Lineage(2, {1: (3,)}), {}, ())
    found = missing_offsets(opened, [SkippedOffsets(1, 5, 9)])
    assert found == [Gap("images", 2, 1, 1, 5, 9, GapReason.MISSING)] * count
    assert count_missing(found) == 4 * count


@pytest.mark.parametrize(
    ("policy", "is_exact"), [(None, False), ("delete", True), ("compact", True)]
)
def test_offsets_are_exact_on_brokers_that_tell_their_defaults(
    policy: str | None, is_exact: bool
) -> None:
    assert state(cleanup_policy=policy).is_exact is is_exact


offsets = st.integers(0, 10**9)


def test_messages_behind_the_landed_offset_wait() -> None:
    assert lag(state(ends={0: 10, 1: 4}), {0: Position(7, 7), 1: Position(4, 4)}) == 3


def test_all_messages_of_a_partition_never_read_wait() -> None:
    assert lag(state(ends={0: 10, 1: 5}), {0: Position(10, 10)}) == 5


def test_a_listed_end_that_is_too_low_is_made_good_by_the_high_watermark_of_a_fetch() -> None:
    assert lag(state(ends={0: 11}, cleanup_policy=None), {0: Position(11, 20)}) == 9


def test_messages_of_open_transactions_do_not_wait_where_ends_are_exact() -> None:
    assert lag(state(ends={0: 11}), {0: Position(11, 20)}) == 0


def test_a_listed_end_below_what_has_landed_takes_nothing_from_other_partitions() -> None:
    assert lag(state(ends={0: 3, 1: 5}), {0: Position(10, 10), 1: Position(4, 4)}) == 1


def test_a_topic_without_messages_has_no_lag() -> None:
    assert lag(state(ends={0: 0, 1: 0}), {}) == 0


@given(st.dictionaries(st.integers(0, 5), offsets))
def test_what_has_landed_to_the_end_does_not_wait(ends: dict[int, int]) -> None:
    assert (
        lag(state(ends=ends), {partition: Position(end, end) for partition, end in ends.items()})
        == 0
    )


@given(
    st.dictionaries(st.integers(0, 5), offsets),
    st.dictionaries(st.integers(0, 5), st.builds(Position, offsets, offsets)),
)
def test_news_are_never_overlooked(ends: dict[int, int], stored: dict[int, Position]) -> None:
    landed = {partition: one.next_offset for partition, one in stored.items()}
    has_news = any(end > landed.get(partition, 0) for partition, end in ends.items())
    assert lag(state(ends=ends), stored) > 0 or not has_news
