"""The asset check of Kafka's copies: the brokers, and not the purge, take messages away."""

from datetime import datetime, timedelta

import dagster as dg

from assets.resources.event_log import EventLog
from assets.retention.assets import purge_receipt
from assets.retention.topic_age import TopicAge, read_topic_age
from assets.settings import Settings
from assets.timing import utc_now

_HOUR = timedelta(hours=1)
_NOT_ENFORCED = "This broker enforces no retention; on Apache Kafka the topic's settings do"
_UNBOUNDED = (
    "Nothing on the brokers bounds a message's age: the topic needs the policy delete, "
    "retention.ms and LogAppendTime; `make topic` sets them."
)
_LOWER = "lower retention.ms or segment.ms in infra/kafka/topics.yaml, and run `make topic`."


def evaluate_topic(
    age: TopicAge, now: datetime, retention: timedelta
) -> tuple[bool, dg.AssetCheckSeverity, str]:
    """Judges how a topic forgets: passed, how bad otherwise, and a sentence.

    The embedded broker forgets nothing, and whoever runs it can change that by a reset only: there
    the oldest message is judged, and one that is too old is a warning.
    """
    error, warning = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
    oldest = now - age.oldest_at if age.oldest_at else timedelta(0)
    seen = f"the oldest message is {oldest / _HOUR:.2f} h old"
    if not age.is_told:
        if oldest >= retention:
            return False, warning, f"{_NOT_ENFORCED}. Here {seen}: `make reset` forgets it."
        return True, warning, f"{_NOT_ENFORCED}. Here {seen}, within the retention."
    if age.bound is None:
        return False, error, _UNBOUNDED
    bound = f"The brokers keep no message longer than {age.bound / _HOUR:.2f} h"
    if age.bound >= retention:
        return False, error, f"{bound}, no less than the retention: {_LOWER}"
    if oldest >= retention:
        return False, error, f"{bound}, they say, but {seen}: look for what stops their cleaning."
    return True, error, f"{bound}; {seen}."


@dg.asset_check(asset=purge_receipt)
def the_topic_forgets_within_the_retention(
    settings: dg.ResourceParam[Settings], event_log: dg.ResourceParam[EventLog]
) -> dg.AssetCheckResult:
    """Kafka's brokers delete every message before it reaches the retention age."""
    now = utc_now()
    age = read_topic_age(event_log, settings.kafka_topic)
    passed, severity, description = evaluate_topic(age, now, settings.retention)
    oldest = now - age.oldest_at if age.oldest_at else timedelta(0)
    return dg.AssetCheckResult(
        passed=passed,
        severity=severity,
        description=description,
        metadata={
            "oldest_hours": round(oldest / _HOUR, 2),
            "bound_hours": round(age.bound / _HOUR, 2) if age.bound else "none",
            "threshold_hours": settings.retention_hours,
            "brokers_enforce_retention": age.is_told,
        },
    )
