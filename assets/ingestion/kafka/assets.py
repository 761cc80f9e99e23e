"""The Kafka topic and its landing as assets, and their check; `landing` does the work.

A run's grain is a batch: counts reach Dagster, identifiers of images never do.
"""

import dagster as dg

from assets import asset_keys
from assets.ingestion.kafka import gaps
from assets.ingestion.kafka.landing import Landing
from assets.ingestion.kafka.source import IMAGE_MESSAGES, LANDED_IMAGES
from assets.platform import Platform

_MAX_GAPS_SHOWN = 100

image_messages = dg.AssetSpec(
    IMAGE_MESSAGES,
    group_name=asset_keys.IMAGES_GROUP,
    owners=asset_keys.DATA_ENGINEERING,
    kinds={"kafka"},
    description="One message per image that a program sends to the Kafka topic.",
)


@dg.asset(
    key=LANDED_IMAGES,
    deps=[dg.AssetKey(IMAGE_MESSAGES)],
    group_name=asset_keys.IMAGES_GROUP,
    owners=asset_keys.DATA_ENGINEERING,
    kinds={"kafka", "s3", "python"},
)
def landed_images(
    context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]
) -> dg.MaterializeResult[None]:
    """One object in the raw bucket and one ledger row per Kafka message.

    The bytes become durable first; ledger rows and offsets follow in one transaction. A run reads
    while there is more, up to its time budget. A message without bytes may name an object that is
    already in the bucket; messages that the brokers have lost are recorded as gaps.
    """
    landed = Landing(platform).run()
    if landed.missing:
        context.log.warning(
            f"{landed.missing} messages were lost or cannot be read; "
            "`darkroom topic gaps` lists them."
        )
    if landed.unreported:
        context.log.warning(
            f"The consumer group {platform.settings.kafka_group} refused reports of progress, as "
            "when another program is a member of it; the messages were landed all the same, and "
            "only lag monitors show too much."
        )
    return dg.MaterializeResult(
        metadata={
            "messages": landed.messages,
            "new_images": landed.new_images,
            "rejected_on_arrival": landed.rejected,
            "megabytes": round(landed.size_bytes / 1e6, 2),
            "missing_messages": landed.missing,
            "refused_reports": landed.unreported,
        }
    )


@dg.asset_check(asset=dg.AssetKey(LANDED_IMAGES))
def no_offset_gap_is_unexplained(platform: dg.ResourceParam[Platform]) -> dg.AssetCheckResult:
    """Every range of messages that were lost or cannot be read has an explanation."""
    with platform.warehouse.connect() as connection:
        found = gaps.read_gaps(connection)
    unexplained = [one for one in found if one.explanation is None]
    missing = gaps.count_missing(unexplained)
    return dg.AssetCheckResult(
        passed=not unexplained,
        description=(
            f"{missing} messages were lost or cannot be read, in {len(unexplained)} ranges of "
            "offsets that nobody has explained: `darkroom topic gaps` lists them, "
            "`darkroom topic explain-gap` records what happened."
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
