"""Messages as arrivals: what a sender's headers say is kept in a form that every store accepts."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.ingestion.kafka.lineage import Lineage
from assets.ingestion.kafka.message_storer import describe
from assets.validation.reasons import Reason
from tests.unit.arrivals import NOON, message, some_settings

SETTINGS = some_settings()


def test_a_message_becomes_a_waiting_image_under_its_landed_key() -> None:
    arrival = describe(message(), Lineage(), NOON, SETTINGS)
    assert (arrival.source, arrival.origin, arrival.object_key, arrival.reason) == (
        "kafka",
        "images/1/42",
        "kafka/images/2024-05-17/1-42",
        None,
    )


def test_a_message_described_again_later_is_the_same_image() -> None:
    once, again = (
        describe(message(), Lineage(), now, SETTINGS) for now in (NOON, NOON + timedelta(1))
    )
    assert once == again


def test_a_message_of_a_recreated_topic_is_another_image_under_another_key() -> None:
    old, new = (describe(message(), Lineage(one), NOON, SETTINGS) for one in (0, 1))
    assert old.image_id != new.image_id
    assert new.object_key == "kafka/images~1/2024-05-17/1-42"


def test_an_image_that_is_accepted_has_no_place_in_quarantine() -> None:
    assert describe(message(), Lineage(), NOON, SETTINGS).quarantine_key is None


def test_an_image_that_is_rejected_on_arrival_has_its_reason_and_its_place_in_quarantine() -> None:
    arrival = describe(message(value=None), Lineage(), NOON, SETTINGS)
    assert arrival.reason is Reason.EMPTY
    assert arrival.quarantine_key == f"2024-05-17/{arrival.image_id}"


@pytest.mark.parametrize(("value", "size"), [(None, 0), (b"", 0), (b"12345", 5)])
def test_the_size_is_that_of_the_value(value: bytes | None, size: int) -> None:
    assert describe(message(value=value), Lineage(), NOON, SETTINGS).size_bytes == size


def test_headers_tell_content_type_filename_and_uploader() -> None:
    headers = {"content-type": "image/png", "filename": "bäch.png", "uploader": "ada", "x": "y"}
    arrival = describe(message(headers=headers), Lineage(), NOON, SETTINGS)
    told = (arrival.declared_content_type, arrival.filename, arrival.uploader)
    assert told == ("image/png", "bäch.png", "ada")


def test_a_message_without_headers_tells_none_of_them() -> None:
    arrival = describe(message(headers={}), Lineage(), NOON, SETTINGS)
    assert (arrival.declared_content_type, arrival.filename, arrival.uploader) == (None, None, None)


def test_a_senders_impossible_time_makes_the_image_arrive_now() -> None:
    sent = message(sent_at=NOON - timedelta(days=400), is_broker_time=False)
    assert describe(sent, Lineage(), NOON, SETTINGS).arrived_at == NOON


def header(text: str) -> str | None:
    return describe(message(headers={"filename": text}), Lineage(), NOON, SETTINGS).filename


@pytest.mark.parametrize("text", ["", "\0", "\0\0\n\r\t", "\x1b\x07"])
def test_a_header_of_nothing_printable_is_none(text: str) -> None:
    assert header(text) is None


@pytest.mark.parametrize("text", ["a\0b", "a\r\nb", "\ud800ab", "a\u202eb"])
def test_what_cannot_be_printed_is_taken_out_of_a_header(text: str) -> None:
    assert header(text) == "ab"


def test_a_header_of_255_characters_is_kept_whole() -> None:
    assert header("x" * 255) == "x" * 255


def test_a_longer_header_is_cut() -> None:
    assert header("x" * 256) == "x" * 255


def test_a_header_is_cut_after_what_cannot_be_printed_was_taken_out() -> None:
    assert header("\0" * 300 + "x" * 300) == "x" * 255


@given(st.text(st.characters(codec=None), max_size=400))
def test_every_header_becomes_bounded_text_that_postgresql_can_store(text: str) -> None:
    kept = header(text)
    if kept is not None:
        assert 1 <= len(kept) <= 255
        assert "\0" not in kept
        kept.encode()
