"""What only Apache Kafka does: messages that expire or are compacted, transactions, partitions."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import dagster as dg
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from assets.ingestion.kafka import topics
from assets.ingestion.kafka.assets import image_messages, landed_images
from assets.ingestion.kafka.producer import OutgoingImage, send
from assets.ingestion.kafka.source import find_work
from assets.resources.event_log import administrator
from assets.resources.event_reader import OffsetsGoneError
from assets.resources.messages import Position
from infra.kafka.topics import Difference, find_differences, load_description, reconcile
from tests.integration.test_sensors import tick
from tests.integration.topic import (
    bodies_landed,
    fill,
    fill_compressed,
    gaps_of,
    images,
    landing_meanwhile,
    next_offsets,
    origins,
    recreate_topic,
    with_settings,
)

WANTED = load_description()


@pytest.fixture
def admin(settings) -> Iterator[KafkaAdminClient]:
    with administrator(settings) as opened:
        yield opened


def configure(admin: KafkaAdminClient, topic: str, **settings: object) -> None:
    named = {name.replace("_", "."): str(value) for name, value in settings.items()}
    answer = admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, named)])
    assert answer == {"topic": {topic: "OK"}}


def trim(admin: KafkaAdminClient, topic: str, partition: int, before: int) -> None:
    admin.delete_records({TopicPartition(topic, partition): before})


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 90
    while not is_so():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.5)


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_compressed_batches_land_whatever_their_codec(platform, codec):
    fill_compressed(platform, codec, images(20))
    assert platform.land().new_images == 20
    assert bodies_landed(platform) == set(images(20))


def test_messages_deleted_before_their_turn_are_a_gap_and_the_others_land(platform, admin):
    fill(platform, 0, images(6))
    platform.land()
    fill(platform, 0, images(6, "more"))
    trim(admin, platform.settings.kafka_topic, 0, 10)
    landed = platform.land()
    assert (landed.new_images, landed.missing) == (2, 4)
    assert gaps_of(platform) == [(0, 0, 6, 10, "expired")]
    assert next_offsets(platform)[0] == 12


def test_messages_deleted_while_a_run_reads_are_a_gap_and_the_run_goes_on(
    platform, admin, monkeypatch
):
    fill(platform, 0, images(6))
    open_topic, calls = topics.open_topic, []

    def open_and_lose(connection, state, gone):
        opened = open_topic(connection, state, gone)
        if not calls:
            trim(admin, state.name, 0, 4)
        calls.append(dict(gone))
        return opened

    monkeypatch.setattr(topics, "open_topic", open_and_lose)
    landed = platform.land()
    assert calls == [{}, {0: None}]
    assert (landed.new_images, landed.missing) == (2, 4)
    assert gaps_of(platform) == [(0, 0, 0, 4, "expired")]


def test_all_messages_deleted_before_their_turn_ask_for_one_run_and_no_more(platform, admin):
    fill(platform, 0, images(3))
    platform.land()
    fill(platform, 0, images(3, "more"))
    trim(admin, platform.settings.kafka_topic, 0, 6)
    assert platform.land().missing == 3
    assert platform.land().missing == 0
    assert (gaps_of(platform), next_offsets(platform)[0]) == ([(0, 0, 3, 6, "expired")], 6)


def test_what_was_deleted_before_the_first_landing_was_nobodys_to_land(platform, admin):
    fill(platform, 0, images(5))
    trim(admin, platform.settings.kafka_topic, 0, 3)
    assert platform.land().new_images == 2
    assert gaps_of(platform) == []


def test_segments_that_expire_before_their_turn_are_a_gap(platform, admin):
    topic = platform.settings.kafka_topic
    configure(admin, topic, retention_ms=1000, segment_ms=1000)
    platform.land()
    fill(platform, 0, images(3))
    wait_until(lambda: platform.event_log.read_state(topic).beginnings[0] == 3)
    fill(platform, 0, images(1, "later"))
    assert platform.land().missing == 3
    assert gaps_of(platform) == [(0, 0, 0, 3, "expired")]


def test_messages_that_compaction_took_out_are_gaps_and_the_others_land(platform, admin):
    topic = platform.settings.kafka_topic
    configure(
        admin,
        topic,
        cleanup_policy="compact",
        segment_ms=1000,
        min_cleanable_dirty_ratio=0.001,
        max_compaction_lag_ms=1000,
    )
    fill(platform, 0, images(4))
    time.sleep(1.5)
    fill(platform, 0, images(1, "rolls the segment"))

    def is_compacted() -> bool:
        state = platform.event_log.read_state(topic)
        with platform.event_log.reader(state, {0: Position(0, 0)}) as reader:
            return reader.read(5).messages[0].offset == 3

    wait_until(is_compacted)
    landed = platform.land()
    assert landed.messages + landed.missing == 5
    assert gaps_of(platform) == [(0, 0, 0, 3, "missing")]
    assert origins(platform) == {"0/3", "0/4"}


def test_an_offset_that_is_gone_is_told_by_the_reader(platform, admin):
    topic = platform.settings.kafka_topic
    fill(platform, 0, images(5))
    state = platform.event_log.read_state(topic)
    trim(admin, topic, 0, 4)
    positions = {0: Position(1, 1), 1: Position(0, 0)}
    with platform.event_log.reader(state, positions) as reader:
        with pytest.raises(OffsetsGoneError) as gone:
            reader.read(5)
        assert gone.value.diverges_at == {0: None}


def transaction(platform, bodies: list[bytes], *, commits: bool) -> None:
    producer = KafkaProducer(
        bootstrap_servers=platform.settings.kafka_bootstrap_servers,
        transactional_id=f"{platform.settings.kafka_topic}-{commits}",
    )
    producer.init_transactions()
    producer.begin_transaction()
    for body in bodies:
        producer.send(platform.settings.kafka_topic, value=body, partition=0).get(timeout=30)
    if commits:
        producer.commit_transaction()
    else:
        producer.abort_transaction()
    producer.close()


def test_transactions_land_when_they_commit_and_leave_no_gap(platform):
    transaction(platform, images(2, "kept"), commits=True)
    transaction(platform, images(2, "taken back"), commits=False)
    fill(platform, 0, images(1, "plain"))
    transaction(platform, images(1, "last"), commits=True)
    assert platform.land().messages == 4
    assert bodies_landed(platform) == {*images(2, "kept"), b"plain 0", b"last 0"}
    assert gaps_of(platform) == []


def test_the_marks_of_transactions_at_the_very_end_ask_for_no_further_run(platform):
    from dagster import DagsterInstance

    from tests.integration.test_sensors import kafka_images

    transaction(platform, images(2), commits=False)
    platform.land()
    with DagsterInstance.ephemeral() as instance:
        assert tick(kafka_images, instance, platform).run_requests == []


def test_an_open_transaction_asks_for_no_run_until_it_ends(platform):
    fill(platform, 0, images(1, "before"))
    producer = KafkaProducer(
        bootstrap_servers=platform.settings.kafka_bootstrap_servers,
        transactional_id=f"{platform.settings.kafka_topic}-open",
    )
    producer.init_transactions()
    producer.begin_transaction()
    producer.send(platform.settings.kafka_topic, value=b"in it", partition=0).get(timeout=30)
    fill(platform, 0, images(1, "after"))
    assert find_work(platform)[0]
    assert platform.land().messages == 1
    assert not find_work(platform)[0]
    producer.commit_transaction()
    producer.close()
    assert find_work(platform)[0]
    assert platform.land().messages == 2
    assert not find_work(platform)[0]
    assert gaps_of(platform) == []


def test_a_foreign_member_of_the_group_gives_a_warning_and_messages_land(platform):
    servers, group = platform.settings.kafka_bootstrap_servers, platform.settings.kafka_group
    foreign = KafkaConsumer(bootstrap_servers=servers, group_id=group)
    foreign.subscribe([platform.settings.kafka_topic])
    fill(platform, 0, images(3))
    while not foreign.assignment():
        foreign.poll(timeout_ms=200)
    try:
        done = dg.materialize([image_messages, landed_images], resources={"platform": platform})
    finally:
        foreign.close()
    assert done.success
    assert next_offsets(platform)[0] == 3
    [materialized] = done.asset_materializations_for_node("raw_bucket__landed_images")
    assert materialized.metadata["refused_reports"].value == 1
    assert platform.land().unreported == 0


def test_partitions_added_between_runs_are_landed_from_their_beginning(platform, admin):
    fill(platform, 0, images(2))
    platform.land()
    topic = platform.settings.kafka_topic
    more = replace(WANTED, partitions=5)
    assert reconcile(admin, topic, more).changed == [Difference("partitions", "3", "5")]
    wait_until(lambda: find_differences(admin, topic, more) == ([], None))
    fill(platform, 4, images(3, "added"))
    assert platform.land().new_images == 3
    assert next_offsets(platform) == {0: 2, 1: 0, 2: 0, 3: 0, 4: 3}


def test_partitions_added_during_a_run_are_landed_by_it(platform, admin):
    lingering = with_settings(platform, run_linger_seconds=8.0)
    fill(platform, 0, images(1))
    with landing_meanwhile(lingering) as landed:
        wait_until(lambda: next_offsets(platform).get(0) == 1)
        reconcile(admin, platform.settings.kafka_topic, replace(WANTED, partitions=4))
        wait_until(lambda: 3 in platform.event_log.read_state(platform.settings.kafka_topic).ends)
        fill(platform, 3, images(2, "added"))
    assert landed[0].new_images == 3


def test_a_recreated_topic_is_landed_beside_the_old_one(platform):
    fill(platform, 0, images(4, "old"))
    platform.land()
    recreate_topic(platform)
    fill(platform, 0, images(2, "new"))
    assert platform.land().new_images == 2
    assert bodies_landed(platform) == {*images(4, "old"), *images(2, "new")}


def test_what_somebody_set_and_the_file_does_not_say_goes_back_to_the_default(platform, admin):
    topic = platform.settings.kafka_topic
    configure(admin, topic, cleanup_policy="compact", retention_ms=60000)
    found, note = find_differences(admin, topic, WANTED)
    assert (found, note) == (
        [
            Difference("cleanup.policy", "compact", None),
            Difference("retention.ms", "60000", WANTED.config["retention.ms"]),
        ],
        None,
    )
    assert reconcile(admin, topic, WANTED).changed == found
    wait_until(lambda: find_differences(admin, topic, WANTED) == ([], None))


def test_a_file_that_the_brokers_refuse_is_counted_with_its_reason(platform, admin):
    topic = platform.settings.kafka_topic
    configure(admin, topic, max_message_bytes=100_000)
    done: list[str] = []
    outgoing = [OutgoingImage("small", b"x" * 1000), OutgoingImage("large", b"x" * 200_000)]
    refused = send(platform.settings, outgoing, lambda image: done.append(image.name))
    assert done == ["small"]
    assert [one.name for one in refused] == ["large"]
    assert "the brokers refused it" in refused[0].reason
