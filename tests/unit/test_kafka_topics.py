"""A topic by its offsets: whether it was recreated, what is missing, how many messages wait."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.ingestion.kafka.gaps import Gap, GapReason, count_missing
from assets.ingestion.kafka.topics import (
    KnownTopic,
    OpenedTopic,
    is_recreated,
    lag,
    may_be_recreated,
    missing_offsets,
)
from assets.resources.messages import SkippedOffsets, TopicState

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
        ({0: (10, 10), 1: (3, 10)}, False),
        ({0: (11, 11)}, True),
        ({7: (1, 1)}, True),
    ],
)
def test_a_topic_without_an_identity_is_looked_at_when_it_ends_before_what_was_landed(
    stored: dict[int, tuple[int, int]], is_suspected: bool
) -> None:
    assert may_be_recreated(state(topic_id=None), stored) is is_suspected


def test_a_topic_with_an_identity_may_be_listed_too_short() -> None:
    assert not may_be_recreated(state(), {0: (11, 11)})


@pytest.mark.parametrize(
    ("policy", "count"), [("delete", 0), ("compact", 1), ("compact,delete", 1), (None, 1)]
)
def test_holes_are_gaps_unless_the_topic_is_known_to_be_trimmed_only(
    policy: str | None, count: int
) -> None:
    opened = OpenedTopic(state(cleanup_policy=policy), 2, {}, ())
    found = missing_offsets(opened, [SkippedOffsets(1, 5, 9)])
    assert found == [Gap("images", 2, 1, 5, 9, GapReason.MISSING)] * count
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
    assert lag({0: 10, 1: 4}, {0: (7, 7), 1: (4, 4)}) == 3


def test_all_messages_of_a_partition_never_read_wait() -> None:
    assert lag({0: 10, 1: 5}, {0: (10, 10)}) == 5


def test_a_listed_end_that_is_too_low_is_made_good_by_the_high_watermark_of_a_fetch() -> None:
    assert lag({0: 11}, {0: (11, 20)}) == 9


def test_a_listed_end_below_what_has_landed_takes_nothing_from_other_partitions() -> None:
    assert lag({0: 3, 1: 5}, {0: (10, 10), 1: (4, 4)}) == 1


def test_a_topic_without_messages_has_no_lag() -> None:
    assert lag({0: 0, 1: 0}, {}) == 0


@given(st.dictionaries(st.integers(0, 5), offsets))
def test_what_has_landed_to_the_end_does_not_wait(ends: dict[int, int]) -> None:
    assert lag(ends, {partition: (end, end) for partition, end in ends.items()}) == 0


@given(
    st.dictionaries(st.integers(0, 5), offsets),
    st.dictionaries(st.integers(0, 5), st.tuples(offsets, offsets)),
)
def test_news_are_never_overlooked(
    ends: dict[int, int], stored: dict[int, tuple[int, int]]
) -> None:
    has_news = any(end > stored.get(partition, (0, 0))[0] for partition, end in ends.items())
    assert lag(ends, stored) > 0 or not has_news
