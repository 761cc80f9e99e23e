"""Asset checks of retention: each name is a sentence that is true when the check is green."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import dagster as dg
import pandas as pd

from assets.resources.event_log import EventLog
from assets.resources.object_store import ObjectStore
from assets.resources.warehouse import Warehouse
from assets.retention import clocks
from assets.retention.assets import purge_receipt
from assets.retention.image_buckets import ImageBucket, RetentionClock
from assets.retention.inventory import MAX_DIFFERENCES, MESSAGE, Comparison, Inventory
from assets.retention.proof import read_chain
from assets.retention.receipts import Copy
from assets.retention.run_records import oldest_run
from assets.retention.topic_age import read_topic_age
from assets.settings import Settings
from assets.timing import utc_now

OLDER, ROWS, OBJECTS = (
    "no_copy_is_older_than_retention",
    "every_row_has_its_objects",
    "every_object_has_its_row",
)
_HOUR = timedelta(hours=1)
_MAX_EXAMPLES = 10
_NOT_JUDGED = (
    " This broker enforces no retention, so its messages are shown and not judged; Apache Kafka "
    "enforces the topic's."
)


def evaluate_ages(
    oldest: Mapping[str, datetime | None],
    now: datetime,
    warning_age: timedelta,
    retention: timedelta,
) -> tuple[bool, dg.AssetCheckSeverity, str]:
    """Judges how old the oldest of all copies is: passed, how bad otherwise, and a sentence.

    Args:
        oldest: When the oldest of every kind came; None: there is none.
        now: The present.
        warning_age: From this age on it is a warning.
        retention: From this age on it is an error.
    """
    error, warning = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
    there = {kind: at for kind, at in oldest.items() if at is not None}
    if not there:
        return True, error, "There is no copy of anything."
    kind = min(there, key=lambda one: (there[one], one))
    age = now - there[kind]
    seen = f"The oldest copy, a {kind.replace('_', ' ')}, is {age / _HOUR:.2f} h old"
    if age >= retention:
        return False, error, f"{seen}: past the retention of {retention / _HOUR:g} h; purge now."
    if age >= warning_age:
        return False, warning, f"{seen}: the purge is late; look at enforce_retention."
    return True, error, f"{seen}, within the retention of {retention / _HOUR:g} h."


def as_table(
    oldest: Mapping[str, datetime | None], now: datetime, retention: timedelta
) -> pd.DataFrame:
    """Returns a row for every kind of copy: when its oldest came, its age in hours, and its share.

    Columns: `copy`, `oldest`, `hours`, `of_retention`; the oldest first.
    """
    there = sorted((at, kind) for kind, at in oldest.items() if at is not None)
    rows = [
        (kind, f"{at:%Y-%m-%d %H:%M}", f"{(now - at) / _HOUR:.2f}", f"{(now - at) / retention:.1%}")
        for at, kind in there
    ]
    rows += [(kind, "none", "", "") for kind, at in sorted(oldest.items()) if at is None]
    return pd.DataFrame(rows, columns=["copy", "oldest", "hours", "of_retention"])


@dg.multi_asset_check(
    name="inventory_of_all_copies",
    specs=[
        dg.AssetCheckSpec(
            OLDER,
            asset=purge_receipt,
            description="The oldest of every kind of copy is younger than the retention.",
        ),
        dg.AssetCheckSpec(
            ROWS,
            asset=purge_receipt,
            description="What rows name is in the buckets: originals, renditions, quarantine.",
        ),
        dg.AssetCheckSpec(
            OBJECTS,
            asset=purge_receipt,
            description="A row names every object in the processed and the quarantine bucket.",
        ),
    ],
)
def inventory_of_all_copies(
    context: dg.AssetCheckExecutionContext,
    settings: dg.ResourceParam[Settings],
    object_store: dg.ResourceParam[ObjectStore],
    warehouse: dg.ResourceParam[Warehouse],
    event_log: dg.ResourceParam[EventLog],
) -> Iterator[dg.AssetCheckResult]:
    """Goes through all buckets once, and tells how old everything is and what does not agree."""
    now = utc_now()
    moment = RetentionClock(now, settings.purge_age)
    compared, seen = Inventory(settings, object_store, warehouse, moment).take()
    topic = read_topic_age(event_log, settings.kafka_topic)
    shown = {
        **seen.by_kind,
        Copy.RUN_RECORD.value: oldest_run(context.instance),
        MESSAGE: topic.oldest_at,
    }
    yield age_result(shown, now, settings, are_messages_judged=topic.is_told)
    yield comparison_result(ROWS, compared)
    yield comparison_result(OBJECTS, compared)


def age_result(
    oldest: Mapping[str, datetime | None],
    now: datetime,
    settings: Settings,
    *,
    are_messages_judged: bool,
) -> dg.AssetCheckResult:
    """Returns what the check of the ages says."""
    judged = {kind: at for kind, at in oldest.items() if are_messages_judged or kind != MESSAGE}
    passed, severity, said = evaluate_ages(judged, now, settings.warning_age, settings.retention)
    there = {kind: at for kind, at in oldest.items() if at is not None}
    table = as_table(oldest, now, settings.retention)
    return dg.AssetCheckResult(
        check_name=OLDER,
        asset_key=purge_receipt.key,
        passed=passed,
        severity=severity,
        description=said if are_messages_judged else said + _NOT_JUDGED,
        metadata={
            "threshold_hours": settings.retention_hours,
            "warning_hours": round(settings.warning_age / _HOUR, 2),
            **{f"{kind}_hours": round((now - at) / _HOUR, 2) for kind, at in there.items()},
            "oldest_by_kind": dg.MetadataValue.md(
                table.to_markdown(index=False, disable_numparse=True)
            ),
        },
    )


def comparison_result(
    check: str, compared: Mapping[ImageBucket, Comparison]
) -> dg.AssetCheckResult:
    """Returns what a check of rows against objects, or of objects against rows, says."""
    is_of_rows = check == ROWS
    judged = {
        place.value: found
        for place, found in compared.items()
        if is_of_rows or place is not ImageBucket.RAW
    }
    wrong = {
        place: found.missing if is_of_rows else found.unknown for place, found in judged.items()
    }
    looked_at = sum(found.names if is_of_rows else found.objects for found in judged.values())
    return dg.AssetCheckResult(
        check_name=check,
        asset_key=purge_receipt.key,
        passed=not any(wrong.values()),
        description=_say_rows(looked_at, wrong) if is_of_rows else _say_objects(looked_at, wrong),
        metadata={"looked_at": looked_at, **wrong},
    )


def _say_rows(looked_at: int, wrong: Mapping[str, int]) -> str:
    if not any(wrong.values()):
        return f"All objects that rows name are there; {looked_at} names were looked at."
    return (
        f"{_counted(wrong)} are named by a row and not there: was something deleted by hand, or by "
        "a lifecycle rule that is not the platform's?"
    )


def _say_objects(looked_at: int, wrong: Mapping[str, int]) -> str:
    if not any(wrong.values()):
        return f"No object is without a row; {looked_at} were looked at."
    return f"{_counted(wrong)} are named by no row: the next purge deletes them."


def _counted(wrong: Mapping[str, int]) -> str:
    at_least = "At least " if max(wrong.values()) >= MAX_DIFFERENCES else ""
    places = ", ".join(f"{count} in the {place} bucket" for place, count in wrong.items() if count)
    return f"{at_least}{sum(wrong.values())} objects ({places})"


@dg.asset_check(asset=purge_receipt)
def receipts_chain_is_intact(warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    """No receipt is missing or was changed, and together they tell of every purged image."""
    with warehouse.connect() as connection:
        chain = read_chain(connection)
    return dg.AssetCheckResult(
        passed=not chain.wrong,
        description=(
            " ".join(chain.wrong[:_MAX_EXAMPLES])
            or f"{chain.receipts} receipts follow each other and tell of {chain.images} images."
        ),
        metadata={
            "receipts": chain.receipts,
            "images": chain.images,
            "wrong": len(chain.wrong),
        },
    )


@dg.asset_check(asset=purge_receipt)
def the_clocks_agree_to_a_minute(
    object_store: dg.ResourceParam[ObjectStore], warehouse: dg.ResourceParam[Warehouse]
) -> dg.AssetCheckResult:
    """The clocks of this machine, of PostgreSQL and of S3 differ by less than a minute."""
    told = clocks.read_clocks(warehouse, object_store)
    apart = clocks.difference(told)
    return dg.AssetCheckResult(
        passed=apart < clocks.TOLERANCE,
        description=(
            f"The clocks of {', '.join(told)} differ by {apart / timedelta(seconds=1):.1f} s"
            + (
                "."
                if apart < clocks.TOLERANCE
                else ": synchronise them; the purge goes by the earliest and so is late."
            )
        ),
        metadata={
            "apart_seconds": round(apart / timedelta(seconds=1), 1),
            **{name.replace(" ", "_"): f"{at:%Y-%m-%d %H:%M:%S} UTC" for name, at in told.items()},
        },
    )
