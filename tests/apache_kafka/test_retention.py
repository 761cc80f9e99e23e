"""What Apache Kafka forgets: topics as the file describes them, with all times made shorter."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from kafka import KafkaAdminClient

from assets.resources.event_log import administrator
from assets.retention.topic_age import read_topic_age
from assets.timing import utc_now
from infra.kafka.topics import TopicDescription, load_description, reconcile
from tests.integration.conftest import Platform
from tests.integration.topic import fill, gaps_of, images, next_offsets, with_settings

WANTED = load_description()
SECONDS_KEPT = 10
SHORTER = int(WANTED.config["retention.ms"]) // (SECONDS_KEPT * 1000)
TIMES = ("retention.ms", "segment.ms")
SHORT = replace(
    WANTED,
    config={
        key: str(int(value) // SHORTER) if key in TIMES else value
        for key, value in WANTED.config.items()
    },
)


@pytest.fixture
def admin(settings) -> Iterator[KafkaAdminClient]:
    with administrator(settings) as opened:
        yield opened


@pytest.fixture
def short_retention(platform: Platform, admin: KafkaAdminClient) -> Platform:
    """The platform, whose topic keeps what comes for ten seconds."""
    reconcile(admin, platform.settings.kafka_topic, SHORT)
    return platform


def beside(
    platform: Platform, admin: KafkaAdminClient, name: str, described: TopicDescription
) -> Platform:
    """The platform with another topic."""
    topic = f"{platform.settings.kafka_topic}-{name}"
    reconcile(admin, topic, described)
    return with_settings(platform, kafka_topic=topic)


def without(setting: str) -> TopicDescription:
    """The short description with one of Kafka's defaults in place of the file's setting."""
    kept = {key: value for key, value in SHORT.config.items() if key != setting}
    return replace(SHORT, config=kept)


def beginning(platform: Platform, partition: int = 0) -> int:
    return platform.event_log.read_state(platform.settings.kafka_topic).beginnings[partition]


def oldest(platform: Platform):
    return read_topic_age(platform.event_log, platform.settings.kafka_topic).oldest_at


def wait_until(is_so: Callable[[], bool], meanwhile: Callable[[], None] = lambda: None) -> None:
    deadline = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < deadline, "it did not come to that"
        meanwhile()
        time.sleep(0.5)


def test_the_brokers_tell_that_the_topic_of_the_file_forgets_before_the_checks_warn(platform):
    age = read_topic_age(platform.event_log, platform.settings.kafka_topic)
    assert age.is_enforced
    assert age.bound is not None
    assert age.bound < 0.95 * platform.settings.retention


def test_a_topic_that_gets_no_new_message_loses_all_that_it_had(short_retention):
    fill(short_retention, 0, images(3))
    fill(short_retention, 1, images(2))
    assert oldest(short_retention) is not None
    wait_until(lambda: (beginning(short_retention, 0), beginning(short_retention, 1)) == (3, 2))
    assert oldest(short_retention) is None


def test_the_oldest_message_grows_younger_while_messages_come(short_retention):
    fill(short_retention, 0, images(1))
    first = oldest(short_retention)
    wait_until(
        lambda: beginning(short_retention) > 0, lambda: fill(short_retention, 0, images(1, "more"))
    )
    fill(short_retention, 0, images(1, "last"))
    assert oldest(short_retention) > first


def test_without_its_segment_time_a_topic_keeps_old_messages_as_long_as_new_ones_come(
    short_retention, admin
):
    keeping = beside(short_retention, admin, "keeping", without("segment.ms"))

    def send_to_both() -> None:
        fill(short_retention, 0, images(1))
        fill(keeping, 0, images(1))

    send_to_both()
    wait_until(lambda: beginning(short_retention) > 0, send_to_both)
    once = beginning(short_retention)
    wait_until(lambda: beginning(short_retention) > once, send_to_both)
    assert beginning(keeping) == 0


def test_a_message_that_its_sender_dates_ahead_goes_like_any_other(short_retention):
    short_retention.produce([b"from the future"], sent_at=utc_now() + timedelta(minutes=30))
    wait_until(lambda: sum(beginning(short_retention, n) for n in range(3)) == 1)
    assert oldest(short_retention) is None


def test_by_the_senders_clock_a_message_dated_ahead_would_stay(short_retention, admin):
    believing = beside(short_retention, admin, "believing", without("message.timestamp.type"))
    believing.produce([b"from the future"], sent_at=utc_now() + timedelta(minutes=30))
    fill(short_retention, 0, images(1))
    wait_until(lambda: beginning(short_retention) == 1)
    assert [beginning(believing, number) for number in range(3)] == [0, 0, 0]
    assert oldest(believing) is not None
    assert read_topic_age(believing.event_log, believing.settings.kafka_topic).bound is None


def test_what_expired_is_a_gap_only_where_it_was_not_landed(short_retention):
    fill(short_retention, 0, images(3))
    short_retention.land()
    fill(short_retention, 1, images(2, "never landed"))
    wait_until(lambda: (beginning(short_retention, 0), beginning(short_retention, 1)) == (3, 2))
    assert short_retention.land().missing == 2
    assert gaps_of(short_retention) == [(0, 1, 0, 2, "expired")]
    assert next_offsets(short_retention) == {0: 3, 1: 2, 2: 0}
