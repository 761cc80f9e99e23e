"""Asset checks of retention; each name is a sentence that is true when the check is green."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import dagster as dg
import pandas as pd

from assets.platform import Platform
from assets.retention import clocks
from assets.retention.assets import purge_receipt
from assets.retention.image_buckets import ImageBucket
from assets.retention.inventory import MAX_DIFFERENCES, MESSAGE, Comparison, Inventory
from assets.retention.proof import read_chain
from assets.retention.receipts import Copy
from assets.retention.run_records import oldest_run
from assets.retention.topic_age import TopicAge, read_topic_age
from assets.settings import Settings
from assets.timing import utc_now

AGES, ROWS, OBJECTS = (
    "no_copy_is_older_than_retention",
    "every_row_has_its_objects",
    "every_object_has_its_row",
)
_HOUR = timedelta(hours=1)
_MAX_EXAMPLES = 10
_NOT_ENFORCED = "This broker enforces no retention"
_MESSAGES_NOT_JUDGED = (
    f" {_NOT_ENFORCED}, so its messages are listed and not judged; Apache Kafka enforces the "
    "topic's settings."
)
_UNBOUNDED = (
    "Nothing on the brokers limits the age of a message: the topic needs the cleanup policy "
    "delete, retention.ms and LogAppendTime; `darkroom topic apply` sets them."
)
_LOWER = "lower retention.ms or segment.ms in infra/kafka/topics.yaml, run `darkroom topic apply`."

Judgement = tuple[bool, dg.AssetCheckSeverity, str]
"""Whether a check passed, how severe it is if not, and a sentence."""


def evaluate_ages(
    oldest: Mapping[str, datetime | None],
    now: datetime,
    warning_age: timedelta,
    retention: timedelta,
) -> Judgement:
    """Judges the age of the oldest of all copies.

    Args:
        oldest: When the oldest copy of each kind arrived; None if there is none.
        warning_age: Age from which the check warns.
        retention: Age from which the check fails.
    """
    error, warning = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
    existing = {kind: at for kind, at in oldest.items() if at is not None}
    if not existing:
        return True, error, "There are no copies."
    kind = min(existing, key=lambda one: (existing[one], one))
    age = now - existing[kind]
    found = f"The oldest copy, a {kind.replace('_', ' ')}, is {age / _HOUR:.2f} h old"
    if age >= retention:
        advice = "run `darkroom retention purge`."
        return False, error, f"{found}, past the retention of {retention / _HOUR:g} h: {advice}"
    if age >= warning_age:
        return False, warning, f"{found}: the purge is late; see the runs of enforce_retention."
    return True, error, f"{found}, within the retention of {retention / _HOUR:g} h."


def evaluate_topic(age: TopicAge, now: datetime, retention: timedelta) -> Judgement:
    """Judges how long the brokers keep messages.

    The embedded broker deletes nothing, and only a reset changes that: there the oldest message is
    judged, and one that is too old is a warning.
    """
    error, warning = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
    oldest = now - age.oldest_at if age.oldest_at else timedelta(0)
    found = f"the oldest message is {oldest / _HOUR:.2f} h old"
    if not age.is_enforced:
        only_settings = f"{_NOT_ENFORCED}; Apache Kafka enforces the topic's settings. Here"
        if oldest >= retention:
            return False, warning, f"{only_settings} {found}: `darkroom reset` deletes it."
        return True, warning, f"{only_settings} {found}, within the retention."
    if age.bound is None:
        return False, error, _UNBOUNDED
    bound = f"The brokers keep no message longer than {age.bound / _HOUR:.2f} h"
    if age.bound >= retention:
        return False, error, f"{bound}, which is not less than the retention: {_LOWER}"
    if oldest >= retention:
        return False, error, f"{bound} by their settings, but {found}: see the log cleaner's log."
    return True, error, f"{bound}; {found}."


def ages_as_table(
    oldest: Mapping[str, datetime | None], now: datetime, retention: timedelta
) -> pd.DataFrame:
    """Returns one row per kind of copy, the oldest first.

    Columns: `copy`, `oldest` (time of arrival), `hours` (age), `of_retention` (its share).
    """
    existing = sorted((at, kind) for kind, at in oldest.items() if at is not None)
    rows = [
        (kind, f"{at:%Y-%m-%d %H:%M}", f"{(now - at) / _HOUR:.2f}", f"{(now - at) / retention:.1%}")
        for at, kind in existing
    ]
    rows += [(kind, "none", "", "") for kind, at in sorted(oldest.items()) if at is None]
    return pd.DataFrame(rows, columns=["copy", "oldest", "hours", "of_retention"])


@dg.multi_asset_check(
    name="inventory_of_all_copies",
    specs=[
        dg.AssetCheckSpec(
            AGES,
            asset=purge_receipt,
            description=(
                "No copy of an image is older than the retention. The check measures the oldest "
                "copy of each kind, warns at 95 % of the retention, and fails at the retention."
            ),
        ),
        dg.AssetCheckSpec(
            ROWS,
            asset=purge_receipt,
            description=(
                "Every object that a visible ledger row references exists: originals, renditions "
                "and objects in quarantine."
            ),
        ),
        dg.AssetCheckSpec(
            OBJECTS,
            asset=purge_receipt,
            description=(
                "Every object in the processed and quarantine buckets is referenced by a ledger "
                "row. The check `no_raw_object_is_unregistered` covers the raw bucket."
            ),
        ),
    ],
)
def inventory_of_all_copies(
    context: dg.AssetCheckExecutionContext, platform: dg.ResourceParam[Platform]
) -> Iterator[dg.AssetCheckResult]:
    """Reads all buckets once, and reports the age of all copies and differences from the ledger."""
    now, settings = utc_now(), platform.settings
    compared, found = Inventory(platform, now).take()
    topic = read_topic_age(platform.event_log, settings.kafka_topic)
    oldest = {
        **found.by_kind,
        Copy.RUN_RECORD.value: oldest_run(context.instance),
        MESSAGE: topic.oldest_at,
    }
    yield age_result(oldest, now, settings, are_messages_judged=topic.is_enforced)
    yield comparison_result(ROWS, compared)
    yield comparison_result(OBJECTS, compared)


def age_result(
    oldest: Mapping[str, datetime | None],
    now: datetime,
    settings: Settings,
    *,
    are_messages_judged: bool,
) -> dg.AssetCheckResult:
    """Returns the result of the check of ages."""
    judged = {kind: at for kind, at in oldest.items() if are_messages_judged or kind != MESSAGE}
    passed, severity, text = evaluate_ages(judged, now, settings.warning_age, settings.retention)
    existing = {kind: at for kind, at in oldest.items() if at is not None}
    table = ages_as_table(oldest, now, settings.retention)
    return dg.AssetCheckResult(
        check_name=AGES,
        asset_key=purge_receipt.key,
        passed=passed,
        severity=severity,
        description=text if are_messages_judged else text + _MESSAGES_NOT_JUDGED,
        metadata={
            "threshold_hours": settings.retention_hours,
            "warning_hours": round(settings.warning_age / _HOUR, 2),
            **{f"{kind}_hours": round((now - at) / _HOUR, 2) for kind, at in existing.items()},
            "oldest_by_kind": dg.MetadataValue.md(
                table.to_markdown(index=False, disable_numparse=True)
            ),
        },
    )


def comparison_result(
    check: str, compared: Mapping[ImageBucket, Comparison]
) -> dg.AssetCheckResult:
    """Returns the result of the check of rows against objects, or of objects against rows."""
    if check == ROWS:
        wrong = {bucket.value: one.missing for bucket, one in compared.items()}
        examined = sum(one.references for one in compared.values())
        if any(wrong.values()):
            text = (
                f"{_counted(wrong)} are referenced by a row and do not exist: somebody, or a "
                "lifecycle rule that is not the platform's, deleted them."
            )
        else:
            text = f"All objects that rows reference exist; {examined} references were examined."
    else:
        copies = {b.value: one for b, one in compared.items() if b is not ImageBucket.RAW}
        wrong = {bucket: one.unknown for bucket, one in copies.items()}
        examined = sum(one.objects for one in copies.values())
        if any(wrong.values()):
            text = f"{_counted(wrong)} are referenced by no row; the next purge deletes them."
        else:
            text = f"Every object has a row; {examined} objects were examined."
    return dg.AssetCheckResult(
        check_name=check,
        asset_key=purge_receipt.key,
        passed=not any(wrong.values()),
        description=text,
        metadata={"looked_at": examined, **wrong},
    )


def _counted(wrong: Mapping[str, int]) -> str:
    at_least = "At least " if max(wrong.values()) >= MAX_DIFFERENCES else ""
    buckets = ", ".join(f"{count} in the {name} bucket" for name, count in wrong.items() if count)
    return f"{at_least}{sum(wrong.values())} objects ({buckets})"


@dg.asset_check(asset=purge_receipt, blocking=False)
def the_topic_forgets_within_the_retention(
    platform: dg.ResourceParam[Platform],
) -> dg.AssetCheckResult:
    """Kafka's brokers delete every message before it reaches the retention age."""
    now, settings = utc_now(), platform.settings
    age = read_topic_age(platform.event_log, settings.kafka_topic)
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
            "brokers_enforce_retention": age.is_enforced,
        },
    )


@dg.asset_check(asset=purge_receipt, blocking=False)
def receipts_chain_is_intact(platform: dg.ResourceParam[Platform]) -> dg.AssetCheckResult:
    """No receipt is missing or was changed, and the receipts account for every purged image."""
    with platform.warehouse.connect() as connection:
        chain = read_chain(connection)
    return dg.AssetCheckResult(
        passed=not chain.problems,
        description=(
            " ".join(chain.problems[:_MAX_EXAMPLES])
            or f"The chain of {chain.receipts} receipts for {chain.images} images is intact."
        ),
        metadata={
            "receipts": chain.receipts,
            "images": chain.images,
            "wrong": len(chain.problems),
        },
    )


@dg.asset_check(asset=purge_receipt, blocking=False)
def the_clocks_agree_to_a_minute(platform: dg.ResourceParam[Platform]) -> dg.AssetCheckResult:
    """The clocks of this machine, of PostgreSQL and of S3 differ by less than a minute."""
    times = clocks.read_clocks(platform)
    difference = clocks.difference(times)
    passed = difference < clocks.TOLERANCE
    advice = ": synchronize them. The purge uses the earliest clock, and is late until then."
    seconds = difference / timedelta(seconds=1)
    return dg.AssetCheckResult(
        passed=passed,
        description=f"The clocks of {', '.join(times)} differ by {seconds:.1f} s"
        + ("." if passed else advice),
        metadata={
            "apart_seconds": round(seconds, 1),
            **{name.replace(" ", "_"): f"{at:%Y-%m-%d %H:%M:%S} UTC" for name, at in times.items()},
        },
    )
