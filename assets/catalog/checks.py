"""Asset checks of the images: each name is a sentence that is true when the check is green."""

from dataclasses import asdict

import dagster as dg
import pandas as pd

from assets.catalog.assets import image_ledger, landed_images
from assets.ingestion.bucket.audit import Audit, AuditCounts
from assets.ingestion.kafka import gaps
from assets.resources.object_store import ObjectStore
from assets.resources.warehouse import Connection, Warehouse
from assets.settings import Settings
from assets.timing import utc_now

_AUDIT_SECONDS = 60
_MAX_GAPS_SHOWN = 100

_CONSERVATION = """
    with known as (
        select
            source,
            date_trunc('hour', arrived_at, 'UTC') as arrived_hour,
            count(*) filter (where state = 'waiting') as waiting,
            count(*) filter (where state = 'processed') as processed,
            count(*) filter (where state = 'rejected') as rejected
        from image_catalog.image
        group by 1, 2
    )
    select
        source,
        arrived_hour,
        coalesce(landed_count, 0) as landed,
        coalesce(waiting, 0) as waiting,
        coalesce(processed, 0) as processed,
        coalesce(rejected, 0) as rejected,
        coalesce(purged_count, 0) as purged
    from image_catalog.arrival_count
    full join known using (source, arrived_hour)
    order by arrived_hour desc, source
"""


def balance(connection: Connection) -> pd.DataFrame:
    """Returns per source and hour of arrival: landed, where they are now, and the difference."""
    cursor = connection.execute(_CONSERVATION)
    columns = [column.name for column in cursor.description or ()]
    table = pd.DataFrame(cursor.fetchall(), columns=columns)
    accounted = table[["waiting", "processed", "rejected", "purged"]].sum(axis=1)
    return table.assign(difference=table["landed"] - accounted)


@dg.asset_check(asset=image_ledger, blocking=False)
def landed_equals_waiting_processed_rejected_purged(
    warehouse: dg.ResourceParam[Warehouse],
) -> dg.AssetCheckResult:
    """Every image that landed is waiting, processed, rejected or purged, per source and hour."""
    with warehouse.connect() as connection:
        table = balance(connection)
    wrong = table[table["difference"] != 0]
    totals = table.drop(columns=["arrived_hour"]).groupby("source").sum()
    sums = {str(name): int(total) for name, total in totals.sum().items()}
    return dg.AssetCheckResult(
        passed=wrong.empty,
        description=(
            f"{sums['landed']} images landed and every one is accounted for."
            if wrong.empty
            else f"{len(wrong)} hours do not add up; the largest difference is "
            f"{int(wrong['difference'].abs().max())} images."
        ),
        metadata={
            **sums,
            "by_source": dg.MetadataValue.md(totals.to_markdown()),
            "hours_that_do_not_add_up": dg.MetadataValue.md(wrong.to_markdown(index=False)),
        },
    )


@dg.asset_check(asset=image_ledger, blocking=False)
def no_raw_object_is_unregistered(
    settings: dg.ResourceParam[Settings],
    object_store: dg.ResourceParam[ObjectStore],
    warehouse: dg.ResourceParam[Warehouse],
) -> dg.AssetCheckResult:
    """Every object version in the raw bucket is known, unless it is very new or very old."""
    audit = Audit(settings, object_store, warehouse)
    seen, is_whole = audit.run(utc_now(), _AUDIT_SECONDS)
    return dg.AssetCheckResult(
        passed=seen.is_clean,
        description=evaluate_audit(seen, is_whole=is_whole),
        metadata={**asdict(seen), "is_whole_bucket": is_whole},
    )


def evaluate_audit(seen: AuditCounts, *, is_whole: bool) -> str:
    """Returns a sentence or more on what an audit of the raw bucket saw."""
    extent = "all there are" if is_whole else "a part; the next look goes on elsewhere"
    said = [f"{seen.looked_at} object versions were looked at, {extent}."]
    if seen.unregistered:
        said.append(
            f"{seen.unregistered} of them are in no row: do runs of register_objects succeed, is "
            "the sensor raw_bucket on, and is the listing (image_catalog.bucket_sweep) still to "
            "come to them?"
        )
    if seen.left_to_landing:
        said.append(
            f"{seen.left_to_landing} have been left to the Kafka landing for a day: is the sensor "
            "kafka_images on? What somebody copied under such keys is to be put under other ones."
        )
    return " ".join(said)


@dg.asset_check(asset=landed_images, blocking=False)
def no_offset_gap_is_unexplained(
    warehouse: dg.ResourceParam[Warehouse],
) -> dg.AssetCheckResult:
    """For every range of messages that was gone before it could be landed, somebody says why."""
    with warehouse.connect() as connection:
        found = gaps.read_gaps(connection)
    unexplained = [one for one in found if one.explanation is None]
    missing = gaps.count_missing(one.gap for one in unexplained)
    return dg.AssetCheckResult(
        passed=not unexplained,
        description=(
            f"{missing} messages were gone before they could be landed, in {len(unexplained)} "
            "ranges of offsets that nobody has explained: `make gaps` lists them, "
            "`make explain-gap GAP=… BECAUSE=…` says what happened."
            if unexplained
            else f"No message is missing without an explanation; {len(found)} gaps have one."
        ),
        metadata={
            "missing_messages": missing,
            "unexplained_gaps": len(unexplained),
            "explained_gaps": len(found) - len(unexplained),
            "gaps": dg.MetadataValue.md(
                gaps.as_table(unexplained[:_MAX_GAPS_SHOWN]).to_markdown(index=False)
            ),
        },
    )
