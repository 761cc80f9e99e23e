"""Topics that change, and messages that are gone: noticed, recorded, and nothing else lost."""

from threading import Lock

import dagster as dg
import pytest

from assets.catalog import ledger
from assets.ingestion.kafka import gaps, topics
from assets.ingestion.kafka.assets import (
    image_messages,
    landed_images,
    no_offset_gap_is_unexplained,
)
from assets.ingestion.kafka.topics import TopicChangedError
from assets.resources.event_reader import Reader
from assets.resources.topic_states import TopicMissingError
from tests.integration.topic import (
    bodies_landed,
    delete_topic,
    fill,
    gaps_of,
    images,
    landing_meanwhile,
    lose,
    next_offsets,
    origins,
    put_back,
    recreate_topic,
    with_settings,
)
from tests.waiting import wait_until


@pytest.fixture
def short_timeouts(platform):
    """A platform that gives a missing offset a second to fill."""
    return with_settings(platform, kafka_hole_seconds=1.0)


def check(platform):
    return no_offset_gap_is_unexplained(platform=platform)


def test_a_recreated_topic_is_landed_from_its_beginning_beside_the_old_one(platform):
    fill(platform, 0, images(5, "old"))
    platform.land()
    recreate_topic(platform)
    fill(platform, 0, images(2, "new"))
    assert platform.land().new_images == 2
    assert origins(platform) == {*(f"0/{offset}" for offset in range(5)), "~1/0/0", "~1/0/1"}
    assert bodies_landed(platform) == {*images(5, "old"), *images(2, "new")}
    assert (gaps_of(platform), next_offsets(platform)[0]) == ([], 2)


def test_a_recreated_topic_with_more_messages_than_the_old_one_is_landed_whole(platform):
    fill(platform, 0, images(2, "old"))
    platform.land()
    recreate_topic(platform)
    fill(platform, 0, images(6, "new"))
    assert platform.land().new_images == 6


def test_messages_known_to_wait_in_a_topic_that_was_deleted_are_a_gap(platform, monkeypatch):
    fill(platform, 1, images(5))

    def crash(*_):
        raise RuntimeError("lost power")

    with monkeypatch.context() as patch:
        patch.setattr(ledger, "register", crash)
        with pytest.raises(RuntimeError, match="lost power"):
            platform.land()
    with platform.warehouse.connect() as connection:
        connection.execute(
            "update image_catalog.kafka_offset set high_watermark = 5 where partition_no = 1"
        )
    recreate_topic(platform)
    platform.land()
    assert gaps_of(platform) == [(0, 1, 0, 5, "topic_recreated")]


def test_a_topic_recreated_twice_is_counted_twice(platform):
    for name in ("first", "second", "third"):
        fill(platform, 0, images(1, name))
        platform.land()
        recreate_topic(platform)
    platform.land()
    [(incarnation,)] = platform.query("select incarnation from image_catalog.kafka_topic")
    assert incarnation == 3
    assert bodies_landed(platform) == {b"first 0", b"second 0", b"third 0"}


def test_a_topic_recreated_while_it_is_read_is_read_from_its_beginning(platform, monkeypatch):
    """The run does not look while there is no topic; the test after the next is about that."""
    look, recreating = Reader.is_topic_unchanged, Lock()

    def look_later(reader):
        with recreating:
            return look(reader)

    monkeypatch.setattr(Reader, "is_topic_unchanged", look_later)
    lingering = with_settings(platform, run_linger_seconds=8.0)
    fill(platform, 0, images(3, "old"))
    with landing_meanwhile(lingering) as landed:
        wait_until(lambda: next_offsets(platform).get(0) == 3, "the first messages land")
        with recreating:
            recreate_topic(platform)
        fill(platform, 0, images(2, "new"))
    assert landed.result().new_images == 5
    assert "~1/0/1" in origins(platform)


def test_a_run_that_reads_a_topic_which_another_run_found_recreated_gives_way(
    platform, monkeypatch
):
    fill(platform, 0, images(1))
    lock_topic = topics.lock_topic

    def lock_late(connection, opened):
        with platform.warehouse.connect() as other:
            other.execute("update image_catalog.kafka_topic set incarnation = incarnation + 1")
        lock_topic(connection, opened)

    monkeypatch.setattr(topics, "lock_topic", lock_late)
    with pytest.raises(TopicChangedError, match="this run gives way"):
        platform.land()
    assert origins(platform) == set()


def test_a_topic_that_is_deleted_while_it_is_read_is_named(platform):
    lingering = with_settings(platform, run_linger_seconds=8.0)
    fill(platform, 0, images(1))
    platform.land()
    delete_topic(platform)
    with pytest.raises(TopicMissingError, match=platform.settings.kafka_topic):
        lingering.land()


def test_messages_lost_at_the_beginning_and_amid_others_are_gaps_and_the_others_land(
    short_timeouts,
):
    fill(short_timeouts, 0, images(6))
    for offset in (0, 1, 3):
        lose(short_timeouts, 0, offset)
    landed = short_timeouts.land()
    assert (landed.new_images, landed.missing) == (3, 3)
    assert origins(short_timeouts) == {"0/2", "0/4", "0/5"}
    assert gaps_of(short_timeouts) == [(0, 0, 0, 2, "missing"), (0, 0, 3, 4, "missing")]
    assert next_offsets(short_timeouts)[0] == 6


def test_other_partitions_go_on_while_a_hole_is_watched(platform):
    patient = with_settings(platform, kafka_hole_seconds=6.0)
    fill(platform, 0, images(2, "zero"))
    fill(platform, 1, images(2, "one"))
    lose(platform, 0, 0)
    with landing_meanwhile(patient):
        wait_until(lambda: next_offsets(platform).get(1) == 2, "the first messages land")
        assert next_offsets(platform)[0] == 0
    assert next_offsets(platform)[0] == 2


def test_a_message_that_is_late_is_waited_for_and_landed(platform):
    patient = with_settings(platform, kafka_hole_seconds=60.0)
    fill(platform, 0, images(4))
    lost = lose(platform, 0, 1)
    with landing_meanwhile(patient) as landed:
        wait_until(lambda: next_offsets(platform).get(0) == 1, "the first messages land")
        put_back(platform, lost)
    assert landed.result().new_images == 4
    assert gaps_of(platform) == []


def test_a_message_that_is_late_at_the_very_end_is_waited_for_and_landed(platform):
    patient = with_settings(platform, kafka_hole_seconds=60.0)
    fill(platform, 0, images(3))
    lost = lose(platform, 0, 2)
    with landing_meanwhile(patient) as landed:
        wait_until(lambda: next_offsets(platform).get(0) == 2, "the first messages land")
        put_back(platform, lost)
    assert landed.result().new_images == 3
    assert gaps_of(platform) == []


def test_messages_lost_at_the_very_end_are_a_gap_and_wait_no_more(short_timeouts):
    fill(short_timeouts, 0, images(3))
    lose(short_timeouts, 0, 2)
    assert short_timeouts.land().missing == 1
    assert gaps_of(short_timeouts) == [(0, 0, 2, 3, "missing")]
    fill(short_timeouts, 0, images(1, "later"))
    assert short_timeouts.land().new_images == 1


def test_a_gap_turns_its_check_red_until_somebody_explains_it(short_timeouts):
    assert check(short_timeouts).passed
    fill(short_timeouts, 0, images(3))
    lose(short_timeouts, 0, 1)
    short_timeouts.land()
    red = check(short_timeouts)
    assert not red.passed
    assert "1 messages were lost or cannot be read, in 1 ranges" in red.description
    assert red.metadata["missing_messages"].value == 1
    with short_timeouts.warehouse.connect() as connection:
        [found] = gaps.read_gaps(connection)
        gaps.explain(connection, found.gap_id, "the disk was full", found.noticed_at)
    green = check(short_timeouts)
    assert green.passed
    assert green.description.endswith("1 gaps have one.")


def test_a_gap_that_a_crash_repeats_is_recorded_once(short_timeouts, monkeypatch):
    fill(short_timeouts, 0, images(3))
    lose(short_timeouts, 0, 0)

    def crash(*_):
        raise RuntimeError("lost power")

    with monkeypatch.context() as patch:
        patch.setattr(ledger, "register", crash)
        with pytest.raises(RuntimeError, match="lost power"):
            short_timeouts.land()
    assert gaps_of(short_timeouts) == []
    short_timeouts.land()
    assert gaps_of(short_timeouts) == [(0, 0, 0, 1, "missing")]


def test_a_run_that_found_messages_missing_says_so(short_timeouts):
    fill(short_timeouts, 0, images(3))
    lose(short_timeouts, 0, 1)
    done = dg.materialize(
        [image_messages, landed_images],
        resources={"platform": short_timeouts},
    )
    [materialized] = done.asset_materializations_for_node("raw_bucket__landed_images")
    told = {name: value.value for name, value in materialized.metadata.items()}
    assert (told["messages"], told["missing_messages"]) == (2, 1)
