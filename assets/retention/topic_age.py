"""Kafka's copies: how old its brokers let a message become, and how old the oldest one is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from assets.resources.event_log import EventLog
from assets.resources.topic_states import read_configuration, read_oldest, read_state

CHECK_INTERVAL = timedelta(minutes=5)
"""How often brokers look for what expires, unless they are told otherwise.

Source: Apache Kafka documentation, `log.retention.check.interval.ms`.
"""

_FOR_EVER = "-1"


@dataclass(frozen=True)
class TopicAge:
    """How a topic forgets.

    Attributes:
        is_told: Whether the brokers tell how they trim it; those that tell nothing trim nothing.
        bound: The age that no message of it passes; None: nothing sees to that.
        oldest_at: When the oldest message came that is still there, if any is.
    """

    is_told: bool
    bound: timedelta | None
    oldest_at: datetime | None


def read_topic_age(event_log: EventLog, topic: str) -> TopicAge:
    """Asks the brokers how a topic forgets, and for its oldest message.

    Raises `TopicMissingError`, or `ServerUnavailableError` when the brokers do not answer in time.
    """
    with event_log.administrator() as admin:
        is_told = read_state(admin, topic).is_exact
        bound = topic_bound(read_configuration(admin, topic)) if is_told else None
        return TopicAge(is_told, bound, read_oldest(admin, topic))


def oldest_message(event_log: EventLog, topic: str) -> datetime | None:
    """Returns when the oldest message came that the brokers still hold; None when there is none.

    Raises `TopicMissingError`, or `ServerUnavailableError` when the brokers do not answer in time.
    """
    with event_log.administrator() as admin:
        return read_oldest(admin, topic)


def topic_bound(
    configuration: Mapping[str, str], check_interval: timedelta = CHECK_INTERVAL
) -> timedelta | None:
    """Returns the age that no message of a topic passes; None when nothing sees to that.

    A segment takes messages for as long as `segment.ms`, and goes as a whole once its youngest one
    is older than `retention.ms`; the brokers find that out at their next look, and keep the files
    for `file.delete.delay.ms` more. That holds by the brokers' clock only: a message that a sender
    dates into the future stays until then.

    Args:
        configuration: The topic's, defaults included, as the brokers tell it.
        check_interval: How often the brokers look for what expires.
    """
    policies = {one.strip() for one in configuration.get("cleanup.policy", "").split(",")}
    retention = configuration.get("retention.ms", _FOR_EVER)
    is_by_broker_clock = configuration.get("message.timestamp.type") == "LogAppendTime"
    if "delete" not in policies or retention == _FOR_EVER or not is_by_broker_clock:
        return None
    parts = (retention, configuration["segment.ms"], configuration["file.delete.delay.ms"])
    try:
        return timedelta(milliseconds=sum(map(int, parts))) + check_interval
    except OverflowError:  # the largest settings mean for ever, too
        return None
