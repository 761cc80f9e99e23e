"""Objects dropped into the raw bucket, and the ledger they are registered in, as assets.

A run's grain is a batch: counts reach Dagster, identifiers of images never do.
"""

import dagster as dg

from assets import asset_keys
from assets.ingestion.bucket.registration import Registration
from assets.ingestion.bucket.source import DROPPED_IMAGES
from assets.ingestion.registry import sources
from assets.platform import Platform

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
