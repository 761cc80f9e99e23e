"""The image assets: external doors, the landing, the ledger and the renditions.

Thin functions over `landing`, `registration` and `processing`; when they run is decided in
`orchestration`. A run's grain is a batch: counts reach Dagster, identifiers of images never do.
"""

from collections.abc import Iterator
from datetime import date

import dagster as dg

from assets.images.drops.registration import Registration
from assets.images.messages.landing import Landing
from assets.images.processing.batches import Processing
from assets.images.processing.recipe import read_recipe
from assets.images.processing.summary import by_outcome
from assets.resources.event_log import EventLog
from assets.resources.object_store import ObjectStore
from assets.resources.warehouse import Warehouse
from assets.settings import Settings

GROUP = "images"
OWNERS = ["team:data-engineering"]

ARRIVAL_DAYS = dg.DynamicPartitionsDefinition(name="arrival_day")
"""UTC days on which images arrived, as `YYYY-MM-DD`; retention takes them away again."""

IMAGE_MESSAGES = dg.AssetSpec(
    ["kafka", "image_messages"],
    group_name=GROUP,
    owners=OWNERS,
    kinds={"kafka"},
    description="One message per image that a program sends to the Kafka topic.",
)
DROPPED_IMAGES = dg.AssetSpec(
    ["raw_bucket", "dropped_images"],
    group_name=GROUP,
    owners=OWNERS,
    kinds={"s3"},
    description="One object version per image that anybody puts into the raw bucket.",
)


@dg.asset(
    key=["raw_bucket", "landed_images"],
    deps=[IMAGE_MESSAGES],
    group_name=GROUP,
    owners=OWNERS,
    kinds={"kafka", "s3", "python"},
)
def landed_images(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    event_log: dg.ResourceParam[EventLog],
    object_store: dg.ResourceParam[ObjectStore],
    warehouse: dg.ResourceParam[Warehouse],
) -> dg.MaterializeResult[None]:
    """One object in the raw bucket and one ledger row per Kafka message.

    The bytes become durable first; ledger rows and offsets follow in one transaction. Reads on
    while there is more, up to the time budget of a run. A message without bytes may name an object
    that is in the bucket already; messages that the brokers have lost are recorded as gaps.
    """
    landed = Landing(settings, event_log, object_store, warehouse).run()
    if landed.missing:
        context.log.warning(
            f"{landed.missing} messages were gone before they could be landed; "
            "`make gaps` shows where."
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


@dg.asset(
    key=["image_catalog", "image"],
    deps=[DROPPED_IMAGES, landed_images],
    group_name=GROUP,
    owners=OWNERS,
    kinds={"s3", "postgres", "python"},
)
def image_ledger(
    settings: dg.ResourceParam[Settings],
    object_store: dg.ResourceParam[ObjectStore],
    warehouse: dg.ResourceParam[Warehouse],
) -> dg.MaterializeResult[None]:
    """One row per image known to the platform, from the moment it is durable.

    Registers what people and programs put into the raw bucket: told by notifications, found by a
    listing that resumes where it stood.
    """
    registered = Registration(settings, object_store, warehouse).run()
    return dg.MaterializeResult(
        metadata={
            "notifications": registered.notified,
            "versions_listed": registered.listed,
            "new_images": registered.new_images,
        }
    )


@dg.multi_asset(
    name="renditions",
    specs=[
        dg.AssetSpec(
            ["processed_bucket", "rendition_files"],
            deps=[image_ledger],
            group_name=GROUP,
            owners=OWNERS,
            kinds={"s3", "python"},
            description="Two objects per processed image: longest side 1024 and 256 px.",
        ),
        dg.AssetSpec(
            ["image_catalog", "rendition"],
            deps=[image_ledger],
            group_name=GROUP,
            owners=OWNERS,
            kinds={"postgres", "python"},
            description="One row per rendition in the processed bucket.",
        ),
    ],
    partitions_def=ARRIVAL_DAYS,
)
def renditions(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    object_store: dg.ResourceParam[ObjectStore],
    warehouse: dg.ResourceParam[Warehouse],
) -> Iterator[dg.MaterializeResult[None]]:
    """One picture per rendition of every waiting image of a day, and the image's outcome.

    Images are claimed from the ledger, decoded in isolated workers, and finished in batches. One
    bad image becomes a rejected row with a reason; its neighbours go on.
    """
    day = date.fromisoformat(context.partition_key)
    recipe = read_recipe(settings.image_recipe)
    timings = Processing(settings, object_store, warehouse, recipe).run(day, context.run_id)
    table = by_outcome(timings)
    processed = sum(timing.outcome == "processed" for timing in timings)
    for key in (["processed_bucket", "rendition_files"], ["image_catalog", "rendition"]):
        yield dg.MaterializeResult(
            asset_key=key,
            metadata={
                "processed": processed,
                "rejected": len(timings) - processed,
                "outcomes": dg.MetadataValue.md(table.to_markdown(index=False)),
                "recipe": f"{recipe.title} ({recipe.hash})",
            },
        )
