"""Kafka's copies: how old a message can become before the brokers delete it, and the oldest one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from assets.resources.event_log import EventLog, administrator
from assets.resources.topic_states import read_configuration, read_oldest, read_state

CHECK_INTERVAL = timedelta(minutes=5)
"""How often brokers look for expired segments by default.

Source: Apache Kafka documentation, `log.retention.check.interval.ms`.
"""

_UNLIMITED = "-1"


@dataclass(frozen=True)
class TopicAge:
    """The ages of a topic's messages.

    Attributes:
        is_enforced: Whether the brokers report how they delete messages; others delete none.
        bound: The age that no message exceeds; None if nothing limits it.
    """

    is_enforced: bool
    bound: timedelta | None
    oldest_at: datetime | None


def topic_bound(configuration: Mapping[str, str]) -> timedelta | None:
    """Returns the age that no message of a topic exceeds; None if nothing limits it.

    The configuration includes the defaults, as the brokers report them.

    A segment accepts messages for `segment.ms`, and expires as a whole when its youngest message is
    older than `retention.ms`; the brokers notice at their next check, and keep the files for
    another `file.delete.delay.ms`. This needs timestamps of the brokers' clock: a message that its
    sender dates into the future stays until then.
    """
    policies = {one.strip() for one in configuration.get("cleanup.policy", "").split(",")}
    retention = configuration.get("retention.ms", _UNLIMITED)
    is_by_broker_clock = configuration.get("message.timestamp.type") == "LogAppendTime"
    if "delete" not in policies or retention == _UNLIMITED or not is_by_broker_clock:
        return None
    parts = (retention, configuration["segment.ms"], configuration["file.delete.delay.ms"])
    try:
        return timedelta(milliseconds=sum(map(int, parts))) + CHECK_INTERVAL
    except OverflowError:  # the largest settings mean no limit as well
        return None


# pragma: no mutate block, it needs a broker: tests/integration/test_topic_age.py
def read_topic_age(event_log: EventLog, topic: str) -> TopicAge:
    """Asks the brokers for a topic's retention settings and its oldest message.

    Raises `TopicMissingError`, or `ServerUnavailableError` when the brokers do not answer in time.
    """
    with administrator(event_log.settings) as admin:
        is_enforced = read_state(admin, topic).is_exact
        bound = topic_bound(read_configuration(admin, topic)) if is_enforced else None
        return TopicAge(is_enforced, bound, read_oldest(admin, topic))
