"""Kafka messages become objects and ledger rows, once."""

from datetime import UTC, datetime, timedelta

import pytest
from kafka import KafkaConsumer, TopicPartition

from assets.errors import ServerUnavailableError
from assets.ingestion.kafka import topics
from assets.ingestion.kafka.landing import Landing
from assets.resources.event_log import EventLog
from assets.resources.topic_states import TopicMissingError
from assets.resources.warehouse import Warehouse
from tests.integration.topic import (
    MEBIBYTE,
    bodies_landed,
    fill,
    fill_compressed,
    images,
    landing_meanwhile,
    next_offsets,
    with_settings,
)
from tests.waiting import wait_until


def test_every_message_becomes_one_object_and_one_waiting_row(platform, pictures):
    platform.produce([picture.body for picture in pictures])
    landed = platform.land()
    assert landed.messages == landed.new_images == len(pictures)
    assert platform.states() == {"waiting": len(pictures)}
    assert len(platform.keys(platform.settings.raw_bucket)) == len(pictures)


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_compressed_batches_land_whatever_their_codec(platform, codec):
    fill_compressed(platform, codec, images(20))
    assert platform.land().new_images == 20
    assert bodies_landed(platform) == set(images(20))


def test_a_second_run_finds_nothing_new(platform, pictures):
    platform.produce([pictures[0].body])
    platform.land()
    assert platform.land().messages == 0


def test_messages_read_again_after_a_crash_change_nothing(platform, pictures):
    platform.produce([picture.body for picture in pictures])
    platform.land()
    before = platform.query("select * from image_catalog.image order by image_id")
    with platform.warehouse.connect() as connection:
        connection.execute("delete from image_catalog.kafka_offset")
    again = platform.land()
    assert (again.messages, again.new_images) == (len(pictures), 0)
    assert platform.query("select * from image_catalog.image order by image_id") == before


def test_a_commit_that_fails_leaves_neither_rows_nor_offsets(platform, pictures, monkeypatch):
    platform.produce([pictures[0].body])

    def write_then_crash(connection, topic, positions):
        write_offsets(connection, topic, positions)
        if any(position.next_offset for position in positions.values()):
            raise RuntimeError("killed")

    write_offsets = topics.write_offsets
    with monkeypatch.context() as patch:
        patch.setattr(topics, "write_offsets", write_then_crash)
        with pytest.raises(RuntimeError, match="killed"):
            platform.land()
    assert platform.states() == {}
    assert set(next_offsets(platform).values()) == {0}
    assert platform.land().new_images == 1
    assert len(platform.keys(platform.settings.raw_bucket)) == 1


@pytest.mark.parametrize("body", [None, b""], ids=["null value", "empty value"])
def test_a_message_without_bytes_is_rejected_and_quarantined(platform, pictures, body):
    platform.produce([body, pictures[0].body])
    platform.land()
    assert platform.states() == {"empty": 1, "waiting": 1}
    assert len(platform.keys(platform.settings.quarantine_bucket)) == 1


def test_a_message_over_ten_mebibytes_is_rejected_and_quarantined(platform):
    platform.produce([b"x" * (10 * 1024 * 1024 + 1)])
    platform.land()
    assert platform.states() == {"too_large": 1}
    assert len(platform.keys(platform.settings.quarantine_bucket)) == 1


def test_headers_are_optional_and_kept_when_they_come(platform, pictures):
    platform.produce([pictures[0].body])
    platform.produce([pictures[1].body], headers=[("filename", b"a\x00b.jpg"), ("uploader", b"u1")])
    platform.land()
    rows = platform.query(
        "select filename, uploader from image_catalog.image order by 1 nulls last"
    )
    assert rows == [("ab.jpg", "u1"), (None, None)]


def test_a_sender_with_a_wrong_clock_does_not_decide_when_its_image_arrived(platform, pictures):
    platform.produce([pictures[0].body], sent_at=datetime(1999, 1, 1, tzinfo=UTC))
    platform.land()
    [(arrived_at,)] = platform.query("select arrived_at from image_catalog.image")
    assert datetime.now(UTC) - arrived_at < timedelta(minutes=1)


def test_the_group_on_the_broker_shows_the_progress(platform, pictures):
    platform.produce([picture.body for picture in pictures])
    platform.land()
    consumer = KafkaConsumer(
        bootstrap_servers=platform.settings.kafka_bootstrap_servers,
        group_id=platform.settings.kafka_group,
    )
    topic = platform.settings.kafka_topic
    reported = {one: consumer.committed(TopicPartition(topic, one)) for one in range(3)}
    consumer.close()
    assert reported == next_offsets(platform)


def test_images_of_ten_mebibytes_are_held_a_few_at_a_time(platform, monkeypatch):
    held: list[int] = []
    settle = Landing._land_oldest

    def weigh(landing, source, max_bytes):
        held.append(source.bytes_in_flight)
        return settle(landing, source, max_bytes)

    monkeypatch.setattr(Landing, "_land_oldest", weigh)
    for partition in range(3):
        fill(platform, partition, [bytes([partition, n]) * 5 * MEBIBYTE for n in range(4)])
    landed = platform.land()
    assert (landed.new_images, landed.size_bytes) == (12, 120 * MEBIBYTE)
    assert 10 * MEBIBYTE < max(held) <= platform.settings.kafka_chunk_bytes


def test_a_run_takes_what_comes_while_it_lingers(platform):
    lingering = with_settings(platform, run_linger_seconds=6.0)
    fill(platform, 0, images(1, "first"))
    with landing_meanwhile(lingering) as landed:
        wait_until(lambda: next_offsets(platform).get(0) == 1, "the first message lands")
        fill(platform, 1, images(2, "later"))
    assert landed.result().messages == 3


def test_a_run_whose_time_is_up_leaves_the_rest_to_the_next(platform):
    fill(platform, 0, images(3))
    assert with_settings(platform, run_budget_seconds=1e-9).land().messages == 0
    assert platform.land().messages == 3


def test_a_key_of_a_message_says_nothing_of_the_image(platform):
    fill(platform, 0, [b"same", b"same"])
    assert platform.land().new_images == 2


def test_a_topic_that_does_not_exist_is_named(platform):
    nowhere = platform.settings.model_copy(update={"kafka_topic": "no-such-topic"})
    with pytest.raises(TopicMissingError, match="no-such-topic"):
        EventLog(nowhere).read_state("no-such-topic")


def test_a_broker_that_is_down_is_said_in_one_plain_sentence(platform):
    nowhere = platform.settings.model_copy(update={"kafka_bootstrap_servers": "127.0.0.1:1"})
    with pytest.raises(ServerUnavailableError, match=r"Kafka at 127\.0\.0\.1:1 does not answer"):
        EventLog(nowhere).read_state("images")


def test_a_database_that_is_down_is_said_in_one_plain_sentence_without_its_password():
    warehouse = Warehouse("postgresql://someone:secret@127.0.0.1:1/nowhere")
    with pytest.raises(ServerUnavailableError) as error, warehouse.connect():
        pass
    assert "PostgreSQL at 127.0.0.1:1 does not answer" in str(error.value)
    assert "secret" not in str(error.value)
