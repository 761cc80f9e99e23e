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
from assets.retention.receipt_chain import read_chain
from assets.retention.receipts import Copy
from assets.retention.run_records import oldest_run
from assets.retention.topic_age import TopicAge, read_topic_age
from assets.settings import Settings
from assets.timing import utc_now

AGES = "no_copy_is_older_than_retention"
ROWS = "every_row_has_its_objects"
OBJECTS = "every_object_has_its_row"
_INVENTORY_CHECKS = {
    AGES: (
        "No copy of an image is older than the retention. The check measures the oldest copy of "
        "each kind, warns at 95 % of the retention, and fails at the retention."
    ),
    ROWS: (
        "Every object that a visible ledger row references exists: originals, renditions and "
        "objects in quarantine."
    ),
    OBJECTS: (
        "Every object in the processed and quarantine buckets is referenced by a ledger row. The "
        "check `no_raw_object_is_unregistered` covers the raw bucket."
    ),
}
_ERROR, _WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
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
    """Judges the age of the oldest copy; it warns from the `warning_age` on, and then fails.

    `oldest` says when the oldest copy of each kind arrived; None if there is none.
    """
    existing = {kind: at for kind, at in oldest.items() if at is not None}
    if not existing:
        return True, _ERROR, "There are no copies."
    kind = min(existing, key=lambda one: (existing[one], one))
    age = now - existing[kind]
    found = f"The oldest copy, a {kind.replace('_', ' ')}, is {age / _HOUR:.2f} h old"
    if age >= retention:
        past = f"{found}, past the retention of {retention / _HOUR:g} h"
        return False, _ERROR, f"{past}: run `darkroom retention purge`."
    if age >= warning_age:
        return False, _WARN, f"{found}: the purge is late; see the runs of enforce_retention."
    return True, _ERROR, f"{found}, within the retention of {retention / _HOUR:g} h."


def evaluate_topic(age: TopicAge, now: datetime, retention: timedelta) -> Judgement:
    """Judges how long the brokers keep messages.

    The embedded broker deletes nothing, and only a reset changes that: there the oldest message is
    judged, and one that is too old is a warning.
    """
    oldest = now - age.oldest_at if age.oldest_at else timedelta(0)
    found = f"the oldest message is {oldest / _HOUR:.2f} h old"
    if not age.is_enforced:
        only_settings = f"{_NOT_ENFORCED}; Apache Kafka enforces the topic's settings. Here"
        if oldest >= retention:
            return False, _WARN, f"{only_settings} {found}: `darkroom reset` deletes it."
        return True, _WARN, f"{only_settings} {found}, within the retention."
    if age.bound is None:
        return False, _ERROR, _UNBOUNDED
    bound = f"The brokers keep no message longer than {age.bound / _HOUR:.2f} h"
    if age.bound >= retention:
        return False, _ERROR, f"{bound}, which is not less than the retention: {_LOWER}"
    if oldest >= retention:
        return False, _ERROR, f"{bound} by their settings, but {found}: see the log cleaner's log."
    return True, _ERROR, f"{bound}; {found}."


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
        dg.AssetCheckSpec(name, asset=purge_receipt, description=description)
        for name, description in _INVENTORY_CHECKS.items()
    ],
)
def inventory_of_all_copies(
    context: dg.AssetCheckExecutionContext, platform: dg.ResourceParam[Platform]
) -> Iterator[dg.AssetCheckResult]:
    """Reads all buckets once, and reports the age of all copies and differences from the ledger."""
    now, settings = utc_now(), platform.settings
    compared, found = Inventory(platform, now).take()
    topic = read_topic_age(platform.event_log, settings.kafka_topic)
    found.add(Copy.RUN_RECORD, oldest_run(context.instance))
    found.add(MESSAGE, topic.oldest_at)
    yield age_result(found.by_kind, now, settings, are_messages_judged=topic.is_enforced)
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
    table = ages_as_table(oldest, now, settings.retention)
    markdown = table.to_markdown(index=False, disable_numparse=True)
    hours = {f"{kind}_hours": round((now - at) / _HOUR, 2) for kind, at in oldest.items() if at}
    return dg.AssetCheckResult(
        check_name=AGES,
        asset_key=purge_receipt.key,
        passed=passed,
        severity=severity,
        description=text if are_messages_judged else text + _MESSAGES_NOT_JUDGED,
        metadata={
            "threshold_hours": settings.retention_hours,
            "warning_hours": round(settings.warning_age / _HOUR, 2),
            **hours,
            "oldest_by_kind": dg.MetadataValue.md(markdown),
        },
    )


def comparison_result(
    check: str, compared: Mapping[ImageBucket, Comparison]
) -> dg.AssetCheckResult:
    """Returns the result of the check of rows against objects, or of objects against rows."""
    if check == ROWS:
        wrong = {bucket.value: one.missing for bucket, one in compared.items()}
        examined = sum(one.references for one in compared.values())
        good = f"All objects that rows reference exist; {examined} references were examined."
        bad = (
            "are referenced by a row and do not exist: somebody, or a lifecycle rule that is not "
            "the platform's, deleted them."
        )
    else:
        copies = {b.value: one for b, one in compared.items() if b is not ImageBucket.RAW}
        wrong = {bucket: one.unknown for bucket, one in copies.items()}
        examined = sum(one.objects for one in copies.values())
        good = f"Every object has a row; {examined} objects were examined."
        bad = "are referenced by no row; the next purge deletes them."
    passed = not any(wrong.values())
    return dg.AssetCheckResult(
        check_name=check,
        asset_key=purge_receipt.key,
        passed=passed,
        description=good if passed else f"{_counted(wrong)} {bad}",
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
    """No receipt is missing or was changed, the archive has the same ones, and all is counted.

    An object in the archive that is no receipt is a warning, as is a store without Object Lock.
    """
    now = utc_now()
    chain = read_chain(platform, now, compare_since=now - platform.settings.retention)
    wrong = (*chain.problems, *chain.notices)
    return dg.AssetCheckResult(
        passed=not wrong,
        severity=_ERROR if chain.problems else _WARN,
        description=(
            " ".join(wrong[:_MAX_EXAMPLES])
            or f"The chain of {chain.receipts} receipts for {chain.images} images is intact."
        ),
        metadata={
            "receipts": chain.receipts,
            "signed": chain.signed,
            "not_archived_yet": chain.unarchived,
            "lock_days": chain.lock_days or 0,
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
    seconds = difference.total_seconds()
    found = f"The clocks of {', '.join(times)} differ by {seconds:.1f} s"
    return dg.AssetCheckResult(
        passed=passed,
        description=found + ("." if passed else advice),
        metadata={
            "apart_seconds": round(seconds, 1),
            **{name.replace(" ", "_"): f"{at:%Y-%m-%d %H:%M:%S} UTC" for name, at in times.items()},
        },
    )
