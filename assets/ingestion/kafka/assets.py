"""The Kafka topic and its landing as assets; `landing` does the work.

A run's grain is a batch: counts reach Dagster, identifiers of images never do.
"""

import dagster as dg

from assets import asset_keys
from assets.ingestion.kafka.landing import Landing
from assets.ingestion.kafka.source import IMAGE_MESSAGES, LANDED_IMAGES
from assets.platform import Platform

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
            f"{landed.missing} messages were gone before they could be landed; "
            "`darkroom topic gaps` lists them."
        )
    return dg.MaterializeResult(
        metadata={
            "messages": landed.messages,
            "new_images": landed.new_images,
            "rejected_on_arrival": landed.rejected,
            "megabytes": round(landed.size_bytes / 1e6, 2),
            "missing_messages": landed.missing,
        }
    )
