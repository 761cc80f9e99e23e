"""The oldest message, as the embedded broker reports it."""

import dagster as dg

from assets.retention.checks import the_topic_forgets_within_the_retention
from assets.retention.topic_age import read_topic_age
from assets.timing import utc_now
from tests.integration.topic import fill, images


def oldest(platform):
    return read_topic_age(platform.event_log, platform.settings.kafka_topic).oldest_at


def test_a_topic_without_a_message_has_no_oldest(platform):
    assert oldest(platform) is None


def test_the_oldest_message_of_all_partitions_is_found(platform):
    before = utc_now().replace(microsecond=0)
    fill(platform, 1, images(1))
    between = utc_now()
    fill(platform, 0, images(3, "later"))
    found = oldest(platform)
    assert found is not None
    assert before <= found <= between


def test_a_broker_that_tells_nothing_bounds_nothing(platform):
    age = read_topic_age(platform.event_log, platform.settings.kafka_topic)
    assert (age.is_enforced, age.bound) == (False, None)


def test_the_check_is_green_there_and_says_who_enforces_what(platform):
    result = the_topic_forgets_within_the_retention(platform)
    assert isinstance(result, dg.AssetCheckResult)
    assert result.passed
    assert "This broker enforces no retention" in (result.description or "")
