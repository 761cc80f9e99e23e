"""A partition whose older data folder is restored: it is read on, and nothing is landed again."""

import shutil
from pathlib import Path

import pytest

from assets.ingestion.kafka.source import find_work
from assets.resources.event_log import administrator
from tests.integration.topic import (
    bodies_landed,
    fill,
    gaps_of,
    images,
    next_offsets,
    origins,
)
from tests.integration.visibility_helpers import erase


@pytest.fixture
def broker(apache_kafka, stack, settings, tmp_path):
    """Keeps the data folder of partition 0 when called, and restores it when called again."""
    name = f"{settings.kafka_topic}-0"
    folder = Path(stack.state.path("apache_kafka", "data")) / name
    kept = tmp_path / name

    def keep_or_restore() -> None:
        apache_kafka.stop()
        if kept.exists():
            shutil.rmtree(folder)
            shutil.copytree(kept, folder)
        else:
            shutil.copytree(folder, kept)
        stack.start()

    return keep_or_restore


@pytest.fixture
def truncated(platform, broker):
    """A topic of which 6 and 3 messages were landed, and partition 0 lost its last four."""
    fill(platform, 0, images(2, "old"))
    broker()
    fill(platform, 0, images(4, "lost"))
    fill(platform, 1, images(3, "other"))
    assert platform.land().new_images == 9
    broker()
    return platform


def incarnation(platform) -> int:
    [(number,)] = platform.query("select incarnation from image_catalog.kafka_topic")
    return number


def test_the_partition_is_read_on_from_its_end_and_no_image_is_landed_again(truncated):
    erase(truncated, "%/0/3")
    before = truncated.query("select * from image_catalog.image order by image_id")
    assert len(before) == 8
    assert find_work(truncated)[0]
    assert truncated.land().new_images == 0
    assert truncated.query("select * from image_catalog.image order by image_id") == before
    assert next_offsets(truncated) == {0: 2, 1: 3, 2: 0}
    assert gaps_of(truncated) == [(0, 0, 2, 6, "truncated")]
    assert incarnation(truncated) == 0
    assert not find_work(truncated)[0]


@pytest.mark.parametrize("count", [1, 7])
def test_messages_that_were_given_lost_offsets_are_landed_however_many_there_are(truncated, count):
    fill(truncated, 0, images(count, "new"))
    fill(truncated, 1, images(1, "newer"))
    landed = truncated.land()
    assert (landed.new_images, landed.missing) == (count + 1, 4)
    assert bodies_landed(truncated) >= {*images(count, "new"), *images(4, "lost"), b"newer 0"}
    assert {f"0~1/{2 + number}" for number in range(count)} <= origins(truncated)
    assert next_offsets(truncated) == {0: 2 + count, 1: 4, 2: 0}
    assert gaps_of(truncated) == [(0, 0, 2, 6, "truncated")]


def test_a_second_truncation_at_the_same_offset_is_another(truncated, broker):
    fill(truncated, 0, images(2, "new"))
    truncated.land()
    broker()
    fill(truncated, 0, images(2, "newest"))
    assert truncated.land().new_images == 2
    assert gaps_of(truncated) == [(0, 0, 2, 6, "truncated"), (0, 0, 2, 4, "truncated")]
    assert origins(truncated) >= {"0~1/2", "0~1/3", "0~2/2", "0~2/3"}


def test_a_deleted_group_is_of_no_consequence(platform):
    fill(platform, 0, images(2))
    platform.land()
    with administrator(platform.settings) as admin:
        admin.delete_groups([platform.settings.kafka_group])
    fill(platform, 0, images(1, "new"))
    assert platform.land().messages == 1
