"""A range of messages landed once more: what the ledger lacks comes back, nothing comes twice."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from assets.ingestion.kafka.replay import Replay
from assets.ingestion.kafka.replay_range import ReplayRange, ReplayRangeError
from orchestration.replay import replay_messages
from tests.integration.bucket import put
from tests.integration.topic import (
    bodies_landed,
    fill,
    images,
    next_offsets,
    origins,
    recreate_topic,
    with_settings,
)


def replay(platform, **wanted):
    way = Replay(platform)
    return way.run(ReplayRange(**wanted))


def forget(platform, *origins_: str) -> None:
    """Loses rows as nothing in the platform does; what they were about is still in the topic."""
    topic = platform.settings.kafka_topic
    with platform.warehouse.connect() as connection:
        for origin in origins_:
            connection.execute(
                "delete from image_catalog.image where origin = %s", [f"{topic}/{origin}"]
            )


def test_a_replay_of_what_the_ledger_knows_changes_nothing(platform):
    fill(platform, 0, images(4))
    platform.land()
    before = platform.query("select * from image_catalog.image order by image_id")
    replayed = replay(platform, partition=0, first_offset=0)
    assert (replayed.messages, replayed.known, replayed.new_images) == (4, 4, 0)
    assert platform.query("select * from image_catalog.image order by image_id") == before
    bucket = platform.settings.raw_bucket
    assert len(platform.object_store.page_of_versions(bucket, None, None).versions) == 4


def test_a_replay_lands_what_the_ledger_lacks_and_moves_no_offsets(platform):
    fill(platform, 0, images(6))
    platform.land()
    forget(platform, "0/1", "0/2", "0/5")
    before = next_offsets(platform)
    replayed = replay(platform, partition=0, first_offset=1, last_offset=3)
    assert (replayed.messages, replayed.known, replayed.new_images) == (3, 1, 2)
    assert origins(platform) == {"0/0", "0/1", "0/2", "0/3", "0/4"}
    assert next_offsets(platform) == before
    assert replay(platform, partition=0, first_offset=1, last_offset=3).new_images == 0


def test_a_replay_ahead_of_the_landing_makes_no_image_twice(platform):
    fill(platform, 0, images(3))
    assert replay(platform, partition=0, first_offset=0).new_images == 3
    assert platform.land().new_images == 0
    assert bodies_landed(platform) == set(images(3))


def test_a_replay_by_time_takes_the_messages_of_that_time_in_every_partition(platform):
    fill(platform, 0, images(2, "before"))
    middle = datetime.now(UTC)
    fill(platform, 0, images(2, "after"))
    fill(platform, 1, images(1, "after too"))
    replayed = replay(platform, from_time=middle)
    assert replayed.new_images == 3
    assert replay(platform, to_time=middle).new_images == 2


def test_a_replay_of_a_time_without_messages_finds_none(platform):
    fill(platform, 0, images(2))
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert replay(platform, from_time=tomorrow).messages == 0


def test_what_retention_would_take_at_once_stays_gone(platform):
    fill(platform, 0, images(2))
    a_moment = with_settings(platform, retention_hours=1, retention_margin_hours=1 - 1e-9)
    replayed = replay(a_moment, partition=0, first_offset=0)
    assert (replayed.too_old, replayed.new_images) == (2, 0)
    assert replay(platform, partition=0, first_offset=0).new_images == 2


def test_messages_without_bytes_are_rejected_and_quarantined_by_a_replay_too(platform):
    fill(platform, 0, [None, *images(1)])
    replayed = replay(platform, partition=0, first_offset=0)
    assert (replayed.rejected, platform.states()) == (1, {"empty": 1, "waiting": 1})
    assert len(platform.keys(platform.settings.quarantine_bucket)) == 1


def test_a_replayed_claim_check_makes_no_second_image(platform):
    put(platform, "photo.jpg")
    fill(platform, 0, [None], [("s3-key", b"photo.jpg")])
    platform.land()
    replayed = replay(platform, partition=0, first_offset=0)
    assert (replayed.known, replayed.new_images) == (1, 0)


def test_a_range_beyond_the_last_message_ends_with_it(platform):
    fill(platform, 0, images(2))
    replayed = replay(platform, partition=0, first_offset=1, last_offset=9)
    assert (replayed.messages, replayed.empty) == (1, 8)


def test_a_partition_that_the_topic_does_not_have_is_named(platform):
    with pytest.raises(ReplayRangeError, match="has no partition 7; it has 3"):
        replay(platform, partition=7, first_offset=0)


def test_a_recreated_topic_is_landed_before_it_is_replayed(platform):
    fill(platform, 0, images(1))
    platform.land()
    recreate_topic(platform)
    fill(platform, 0, images(1, "new"))
    with pytest.raises(ReplayRangeError, match="run land_messages first"):
        replay(platform, partition=0, first_offset=0)
    platform.land()
    assert replay(platform, partition=0, first_offset=0).known == 1


def run_job(platform, **config) -> dg.ExecuteInProcessResult:
    return replay_messages.execute_in_process(
        run_config={"ops": {"replay_range": {"config": config}}},
        resources={"platform": platform},
        raise_on_error=False,
    )


def test_the_job_replays_and_tells_counts_only(platform):
    fill(platform, 0, images(3))
    done = run_job(platform, partition=0, first_offset=1)
    assert done.success
    [output] = [event for event in done.all_events if event.event_type_value == "STEP_OUTPUT"]
    metadata = output.event_specific_data.metadata
    assert {name: value.value for name, value in metadata.items()} == {
        "messages": 2,
        "new_images": 2,
        "known_already": 0,
        "rejected_on_arrival": 0,
        "too_old": 0,
        "offsets_without_a_message": 0,
    }


def test_the_job_says_in_one_sentence_what_is_wrong_with_its_config(platform):
    failed = run_job(platform, first_offset=1)
    assert not failed.success
    [event] = [event for event in failed.all_events if event.is_step_failure]
    told = event.step_failure_data.user_failure_data.description
    assert told == "Offsets count within a partition: enter the partition as well."
