"""How old brokers let a message become, by their configuration; and what is said of it."""

from datetime import UTC, datetime, timedelta

import pytest
from dagster import AssetCheckSeverity
from hypothesis import given
from hypothesis import strategies as st

from assets.retention.checks import evaluate_topic
from assets.retention.topic_age import CHECK_INTERVAL, TopicAge, topic_bound
from infra.kafka.topics import load_description

HOUR = timedelta(hours=1)
NOW = datetime(2026, 3, 29, 2, 30, tzinfo=UTC)
RETENTION = 168 * HOUR
DEFAULTS = {
    "cleanup.policy": "delete",
    "retention.ms": "604800000",
    "segment.ms": "604800000",
    "file.delete.delay.ms": "60000",
    "message.timestamp.type": "CreateTime",
}
BOUNDED = DEFAULTS | {"message.timestamp.type": "LogAppendTime"}
LARGEST = str(2**63 - 1)


def judged(age: TopicAge) -> tuple[bool, AssetCheckSeverity]:
    passed, severity, _ = evaluate_topic(age, NOW, RETENTION)
    return passed, severity


def test_a_message_stays_for_the_retention_and_its_segments_time_and_a_few_minutes():
    own = {"retention.ms": "36000000", "segment.ms": "7200000"}
    assert topic_bound(BOUNDED | own) == 12 * HOUR + timedelta(minutes=6)


def test_kafkas_default_segments_keep_a_message_for_fourteen_days():
    bound = topic_bound(BOUNDED)
    assert bound is not None
    assert bound > 2 * RETENTION


def test_the_topic_file_bounds_a_message_below_the_age_at_which_checks_warn():
    bound = topic_bound(DEFAULTS | load_description().config)
    assert bound is not None
    assert bound < 0.95 * RETENTION


@given(st.integers(0, 2**40), st.integers(0, 2**40), st.integers(0, 2**40))
def test_no_part_of_the_configuration_shortens_another(retention, segment, delay):
    own = {
        "retention.ms": str(retention),
        "segment.ms": str(segment),
        "file.delete.delay.ms": str(delay),
    }
    parts = timedelta(milliseconds=retention + segment + delay)
    assert topic_bound(BOUNDED | own) == parts + CHECK_INTERVAL


@pytest.mark.parametrize(
    "setting",
    [
        {"cleanup.policy": "compact"},
        {"retention.ms": "-1"},
        {"retention.ms": LARGEST},
        {"segment.ms": LARGEST},
        {"message.timestamp.type": "CreateTime"},
    ],
)
def test_one_setting_is_enough_for_a_message_to_stay_for_ever(setting):
    assert topic_bound(BOUNDED | setting) is None


def test_a_topic_that_is_compacted_and_trimmed_is_trimmed():
    assert topic_bound(BOUNDED | {"cleanup.policy": "compact, delete"}) == topic_bound(BOUNDED)


def test_a_topic_whose_retention_is_not_reported_is_unlimited():
    reported = {key: value for key, value in BOUNDED.items() if key != "retention.ms"}
    assert topic_bound(reported) is None


def test_brokers_that_tell_nothing_bound_nothing():
    assert topic_bound({}) is None


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (TopicAge(True, 157 * HOUR, None), (True, AssetCheckSeverity.ERROR)),
        (TopicAge(True, 157 * HOUR, NOW - 156 * HOUR), (True, AssetCheckSeverity.ERROR)),
        (TopicAge(True, 157 * HOUR, NOW - 168 * HOUR), (False, AssetCheckSeverity.ERROR)),
        (TopicAge(True, 168 * HOUR, None), (False, AssetCheckSeverity.ERROR)),
        (TopicAge(True, None, None), (False, AssetCheckSeverity.ERROR)),
        (TopicAge(False, None, None), (True, AssetCheckSeverity.WARN)),
        (TopicAge(False, None, NOW - 167 * HOUR), (True, AssetCheckSeverity.WARN)),
        (TopicAge(False, None, NOW - 168 * HOUR), (False, AssetCheckSeverity.WARN)),
    ],
)
def test_the_check_judges_the_bound_where_brokers_tell_it_and_the_oldest_message(age, expected):
    assert judged(age) == expected


def test_the_embedded_broker_is_said_to_enforce_no_retention():
    _, _, said = evaluate_topic(TopicAge(False, None, NOW - 200 * HOUR), NOW, RETENTION)
    assert said == (
        "This broker enforces no retention; Apache Kafka enforces the topic's settings. "
        "Here the oldest message is 200.00 h old: `darkroom reset` deletes it."
    )
