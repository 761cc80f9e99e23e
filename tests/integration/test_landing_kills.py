"""A landing that is killed in its middle: what it had done is done again, and changes nothing."""

import multiprocessing
import os
import signal

import pytest
from kafka import KafkaConsumer, TopicPartition

from assets.ingestion.kafka import topics
from assets.ingestion.kafka.landing import Landing
from assets.platform import Platform
from assets.resources.event_reader import Reader
from assets.settings import Settings
from tests.integration.topic import bodies_landed, fill, images, next_offsets, origins


def die(*_args: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def land_and_die(settings: Settings, where: str) -> None:
    """Lands in this process, which ends as under `kill -9` when it comes to a certain place."""
    {
        "before the transaction": lambda: setattr(topics, "lock_topic", die),
        "before the commit": lambda: setattr(topics, "write_offsets", die_after_opening),
        "before the group learns of it": lambda: setattr(Reader, "report", die_after_landing),
    }[where]()
    Landing(Platform.from_settings(settings)).run()


_write_offsets = topics.write_offsets
_report = Reader.report


def die_after_opening(connection, topic, positions):
    """The first offsets are those of a new topic; the next ones are those of messages."""
    if any(position.next_offset for position in positions.values()):
        die()
    _write_offsets(connection, topic, positions)


def die_after_landing(reader, reached):
    """A slow run reports first that it has read nothing yet."""
    if any(position.next_offset for position in reached.values()):
        die()
    return _report(reader, reached)


def kill_landing(platform, where: str) -> None:
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=land_and_die, args=(platform.settings, where))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def group_offsets(platform) -> dict[int, int]:
    consumer = KafkaConsumer(
        bootstrap_servers=platform.settings.kafka_bootstrap_servers,
        group_id=platform.settings.kafka_group,
    )
    topic = platform.settings.kafka_topic
    told = {one: consumer.committed(TopicPartition(topic, one)) or 0 for one in range(3)}
    consumer.close()
    return told


@pytest.mark.parametrize("where", ["before the transaction", "before the commit"])
def test_objects_stored_by_a_run_that_was_killed_are_landed_by_the_next(platform, where):
    fill(platform, 0, images(5))
    kill_landing(platform, where)
    assert len(platform.keys(platform.settings.raw_bucket)) == 5
    assert (origins(platform), next_offsets(platform)) == (set(), {0: 0, 1: 0, 2: 0})
    assert platform.land().new_images == 5
    assert bodies_landed(platform) == set(images(5))
    assert len(platform.keys(platform.settings.raw_bucket)) == 5


def test_a_run_killed_before_it_told_the_group_has_landed_and_the_next_tells_it(platform):
    fill(platform, 0, images(5))
    kill_landing(platform, "before the group learns of it")
    assert (len(origins(platform)), next_offsets(platform)[0]) == (5, 5)
    assert group_offsets(platform)[0] == 0
    assert platform.land().messages == 0
    assert group_offsets(platform)[0] == 5
