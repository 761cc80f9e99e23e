"""Records of the Kafka client as messages: nothing that a sender can write stops the reading."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.resources.messages import Message, read_message


def read(**changes: Any) -> Message:
    told: dict[str, Any] = {
        "topic": "images",
        "partition": 1,
        "offset": 42,
        "timestamp": 1_715_947_200_123,
        "timestamp_type": 1,
        "value": b"bytes",
        "headers": [],
    }
    return read_message(SimpleNamespace(**told | changes))


def test_a_message_keeps_its_place() -> None:
    message = read()
    assert (message.topic, message.partition, message.offset) == ("images", 1, 42)


def test_a_timestamp_is_read_in_utc_to_the_millisecond() -> None:
    assert read().sent_at == datetime(2024, 5, 17, 12, 0, 0, 123000, tzinfo=UTC)


@pytest.mark.parametrize(("kind", "is_broker_time"), [(0, False), (1, True)])
def test_a_timestamp_is_the_brokers_or_the_senders(kind: int, is_broker_time: bool) -> None:
    assert read(timestamp_type=kind).is_broker_time is is_broker_time


@pytest.mark.parametrize("timestamp", [-(2**63), -(2**53), -1, 0, 253_402_300_800_000, 2**63 - 1])
def test_no_timestamp_that_a_sender_can_write_stops_the_reading(timestamp: int) -> None:
    """Kafka's CreateTime is any 64-bit number of milliseconds; -1 stands for none."""
    assert read(timestamp=timestamp, timestamp_type=0).sent_at.tzinfo is not None


def test_a_null_value_stays_none() -> None:
    assert read(value=None).value is None


def test_headers_are_read_as_text() -> None:
    headers = [("content-type", b"image/jpeg"), ("filename", "bäch.jpg".encode())]
    assert read(headers=headers).headers == {"content-type": "image/jpeg", "filename": "bäch.jpg"}


def test_of_headers_with_one_name_the_last_counts() -> None:
    assert read(headers=[("filename", b"one"), ("filename", b"two")]).headers["filename"] == "two"


def test_a_header_without_a_value_is_left_out() -> None:
    assert read(headers=[("filename", None)]).headers == {}


@given(st.lists(st.tuples(st.text(max_size=8), st.none() | st.binary(max_size=20))))
def test_no_header_that_a_sender_can_write_stops_the_reading(
    headers: list[tuple[str, bytes | None]],
) -> None:
    assert set(read(headers=headers).headers) == {
        name for name, value in headers if value is not None
    }
