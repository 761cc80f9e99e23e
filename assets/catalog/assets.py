"""The image assets: external doors, the landing, the ledger and the renditions.

Thin functions over `landing`, `registration` and `processing`; when they run is decided in
`orchestration`. A run's grain is a batch: counts reach Dagster, identifiers of images never do.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg

from assets.catalog.completeness import count_unfinished
from assets.ingestion.bucket.registration import Registration
from assets.ingestion.kafka.landing import Landing
from assets.processing.batch_runner import BatchRunner
from assets.processing.recipe import read_recipe
from assets.processing.summary import (
    by_outcome,
    by_stage,
    rates,
    sentence,
)
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
            skippable=True,
            description="One object per rendition that the recipe makes of a processed image.",
        ),
        dg.AssetSpec(
            ["image_catalog", "rendition"],
            deps=[image_ledger],
            group_name=GROUP,
            owners=OWNERS,
            kinds={"postgres", "python"},
            skippable=True,
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
) -> Iterator[dg.MaterializeResult[None] | dg.AssetObservation]:
    """The recipe's pictures of every waiting image of a day, and the image's outcome.

    Images are claimed from the ledger and decoded in isolated workers. One bad image becomes a
    rejected row with a reason; its neighbours go on. What another recipe has made is made again
    when nothing waits. The day's partition is materialised when nothing of it is left; a run that
    leaves something, to another run or to the next, only says what it has done.
    """
    day = date.fromisoformat(context.partition_key)
    recipe = read_recipe(settings.image_recipe)
    tally = BatchRunner(settings, object_store, warehouse, recipe).run(day, context.run.run_id)
    with warehouse.connect() as connection:
        left = count_unfinished(connection, day, recipe.hash)
    context.log.info(sentence(tally))
    if tally.faults:
        context.log.warning(f"The processor failed with single images: {dict(tally.faults)}.")
    metadata: dict[str, dg.MetadataValue[Any] | str | int | float] = {
        "processed": tally.processed,
        "rejected": tally.images - tally.processed,
        **rates(tally),
        "left_on_this_day": left.on_day,
        "days_complete": left.days_complete,
        "days_known": left.days_known,
        "outcomes": dg.MetadataValue.md(by_outcome(tally).to_markdown(index=False)),
        "stages": dg.MetadataValue.md(by_stage(tally).to_markdown(index=False)),
        "recipe": f"{recipe.title} ({recipe.hash})",
        "processor": settings.image_processor,
    }
    for key in (["processed_bucket", "rendition_files"], ["image_catalog", "rendition"]):
        if left.on_day:
            yield dg.AssetObservation(key, partition=context.partition_key, metadata=metadata)
        else:
            yield dg.MaterializeResult(asset_key=key, metadata=metadata)
