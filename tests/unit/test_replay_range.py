"""What a person may ask to be replayed, and what is said when it makes no sense."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from assets.ingestion.kafka.replay_range import ReplayRange, ReplayRangeError, read_moment
from tests.unit.arrivals import NOON

LATER = NOON + timedelta(hours=1)
EITHER = (
    "Enter either offsets (partition, first_offset, last_offset) "
    "or times (from_time, to_time) of the messages to replay."
)
WITHIN_A_PARTITION = "Offsets count within a partition: enter the partition as well."
NEGATIVE = "Partitions and offsets count from 0: none is negative."
NOT_BEFORE = "from_time is not before to_time: swap them, or leave one out."


@pytest.mark.parametrize(
    "wanted",
    [
        {"partition": 0, "first_offset": 0},
        {"partition": 2, "last_offset": 9},
        {"partition": 0, "first_offset": 5, "last_offset": 5},
        {"from_time": NOON},
        {"to_time": NOON},
        {"from_time": NOON, "to_time": LATER, "partition": 1, "topic": "other"},
    ],
)
def test_a_range_by_offsets_or_by_times_is_accepted(wanted: dict[str, Any]) -> None:
    assert ReplayRange(**wanted).is_by_time is (
        "first_offset" not in wanted and "last_offset" not in wanted
    )


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({}, EITHER),
        ({"partition": 1}, EITHER),
        ({"partition": 1, "first_offset": 1, "from_time": NOON}, EITHER),
        ({"first_offset": 1}, WITHIN_A_PARTITION),
        ({"partition": 0, "first_offset": -1}, NEGATIVE),
        ({"partition": -1, "first_offset": 1}, NEGATIVE),
        ({"partition": 0, "last_offset": -1}, NEGATIVE),
        (
            {"partition": 0, "first_offset": 6, "last_offset": 5},
            "first_offset 6 is greater than last_offset 5: swap them.",
        ),
        ({"from_time": LATER, "to_time": NOON}, NOT_BEFORE),
        ({"from_time": NOON, "to_time": NOON}, NOT_BEFORE),
    ],
)
def test_a_range_that_makes_no_sense_is_refused_in_a_sentence(
    wanted: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ReplayRangeError) as refused:
        ReplayRange(**wanted)
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    "text", ["2024-05-17T12:00:00Z", "2024-05-17T14:00:00+02:00", "2024-05-17 12:00Z"]
)
def test_a_time_is_read_with_its_zone(text: str) -> None:
    assert read_moment("from_time", text) == datetime(2024, 5, 17, 12, tzinfo=UTC)


def test_a_time_that_is_left_out_is_none() -> None:
    assert read_moment("from_time", None) is None


@pytest.mark.parametrize("text", ["", "yesterday", "17.05.2024", "2024-13-01T00:00Z"])
def test_what_is_no_time_is_named_with_its_field(text: str) -> None:
    with pytest.raises(ReplayRangeError, match=r"to_time is “.*”; write a time such as"):
        read_moment("to_time", text)


@pytest.mark.parametrize("text", ["2024-05-17T12:00:00", "2024-05-17"])
def test_a_time_without_a_zone_is_asked_for_it(text: str) -> None:
    with pytest.raises(ReplayRangeError, match="has no time zone"):
        read_moment("from_time", text)
