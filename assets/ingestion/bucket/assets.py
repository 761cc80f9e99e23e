"""Objects dropped into the raw bucket, the ledger they are registered in, and its check.

A run's grain is a batch: counts reach Dagster, identifiers of images never do.
"""

from dataclasses import asdict

import dagster as dg

from assets import asset_keys
from assets.ingestion.bucket.audit import Audit, AuditCounts
from assets.ingestion.bucket.registration import Registration
from assets.ingestion.bucket.source import DROPPED_IMAGES
from assets.ingestion.registry import sources
from assets.platform import Platform
from assets.timing import utc_now

_AUDIT_SECONDS = 60

dropped_images = dg.AssetSpec(
    DROPPED_IMAGES,
    group_name=asset_keys.IMAGES_GROUP,
    owners=asset_keys.DATA_ENGINEERING,
    kinds={"s3"},
    description="One object version per image that anybody puts into the raw bucket.",
)


@dg.asset(
    key=asset_keys.IMAGE,
    deps=[dg.AssetKey(source.ledger_input) for source in sources() if source.ledger_input],
    group_name=asset_keys.IMAGES_GROUP,
    owners=asset_keys.DATA_ENGINEERING,
    kinds={"s3", "postgres", "python"},
)
def image_ledger(platform: dg.ResourceParam[Platform]) -> dg.MaterializeResult[None]:
    """One row per image known to the platform, from the moment it is durable.

    Registers objects that people and programs put into the raw bucket. Notifications say where to
    look first; a listing that resumes where it stopped finds all.
    """
    registered = Registration(platform).run()
    return dg.MaterializeResult(
        metadata={
            "notifications": registered.notified,
            "versions_listed": registered.listed,
            "new_images": registered.new_images,
        }
    )


@dg.asset_check(asset=asset_keys.IMAGE)
def no_raw_object_is_unregistered(platform: dg.ResourceParam[Platform]) -> dg.AssetCheckResult:
    """Every object version in the raw bucket is registered, unless it is very new or very old."""
    audit = Audit(platform)
    seen, is_whole = audit.run(utc_now(), _AUDIT_SECONDS)
    return dg.AssetCheckResult(
        passed=seen.is_clean,
        description=evaluate_audit(seen, is_whole=is_whole),
        metadata={**asdict(seen), "is_whole_bucket": is_whole},
    )


@dg.asset_check(asset=asset_keys.IMAGE)
def new_objects_are_announced(platform: dg.ResourceParam[Platform]) -> dg.AssetCheckResult:
    """The raw bucket sends a notification of every new object to the queue, and keeps versions."""
    missing = platform.object_store.missing_announcements()
    said = f"{' and '.join(missing)}: `darkroom up` repairs it." if missing else "They are."
    return dg.AssetCheckResult(passed=not missing, description=said)


def evaluate_audit(seen: AuditCounts, *, is_whole: bool) -> str:
    """Describes what an audit of the raw bucket found, in one or more sentences."""
    extent = "all there are" if is_whole else "a part; the next audit continues elsewhere"
    said = [f"{seen.looked_at} object versions were looked at, {extent}."]
    if seen.unregistered:
        said.append(
            f"{seen.unregistered} of them are in no row: do runs of register_objects succeed, is "
            "the sensor raw_bucket on, and has the listing (image_catalog.bucket_sweep) yet to "
            "reach them?"
        )
    if seen.left_to_landing:
        said.append(
            f"{seen.left_to_landing} have been left to the Kafka landing for a day: is the sensor "
            "kafka_images on? Objects that a person copied under such keys belong under other keys."
        )
    return " ".join(said)
