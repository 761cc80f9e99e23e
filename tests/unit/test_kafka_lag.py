"""How many messages wait in a topic."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from assets.ingestion.kafka.topics import lag

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
