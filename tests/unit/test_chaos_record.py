"""The senders' record: durable lines in, one state per image out."""

from datetime import UTC, datetime

import pytest

from tests.campaigns.chaos.record import Event, Image, Record, Sent, read_lines, read_records

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CAT = Image("cat.jpg", "kafka", "aa" * 32, None)
LETTER = Image("letter.jpg", "bucket", "bb" * 32, "not_an_image")


@pytest.fixture
def record(tmp_path):
    made = Record(tmp_path / "kafka.jsonl")
    yield made
    made.close()


def test_an_image_that_was_only_begun_is_not_acknowledged(record, tmp_path):
    record.write(CAT, Event.BEGUN, NOW)
    assert read_records(tmp_path) == {CAT.sha256: Sent(CAT)}


def test_attempts_without_an_answer_are_counted(record, tmp_path):
    for event in (Event.BEGUN, Event.UNKNOWN, Event.UNKNOWN, Event.ACKNOWLEDGED):
        record.write(CAT, event, NOW)
    assert read_records(tmp_path) == {CAT.sha256: Sent(CAT, True, 2)}


def test_a_late_line_does_not_take_an_acknowledgement_back(record, tmp_path):
    for event in (Event.ACKNOWLEDGED, Event.UNKNOWN):
        record.write(CAT, event, NOW)
    assert read_records(tmp_path)[CAT.sha256].is_acknowledged


def test_an_erasure_is_kept_beside_the_acknowledgement(record, tmp_path):
    for event in (Event.ACKNOWLEDGED, Event.ERASED, Event.UNKNOWN):
        record.write(CAT, event, NOW)
    assert read_records(tmp_path) == {CAT.sha256: Sent(CAT, True, 1, is_erased=True)}


def test_what_is_expected_of_an_image_is_kept(record, tmp_path):
    record.write(LETTER, Event.ACKNOWLEDGED, NOW)
    assert read_records(tmp_path)[LETTER.sha256].image == LETTER


def test_several_senders_records_are_read_together(record, tmp_path):
    record.write(CAT, Event.ACKNOWLEDGED, NOW)
    other = Record(tmp_path / "bucket.jsonl")
    other.write(LETTER, Event.BEGUN, NOW)
    other.close()
    assert set(read_records(tmp_path)) == {CAT.sha256, LETTER.sha256}


def test_a_line_that_is_still_being_written_is_left_out(record, tmp_path):
    record.write(CAT, Event.BEGUN, NOW)
    with (tmp_path / "kafka.jsonl").open("a") as file:
        file.write('{"name": "ca')
    assert set(read_records(tmp_path)) == {CAT.sha256}


def test_a_line_of_something_else_is_an_error():
    with pytest.raises(ValueError, match="nobody"):
        read_lines(['{"event": "nobody"}'])
