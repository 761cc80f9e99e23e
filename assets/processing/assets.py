"""Renditions as assets; `batch_runner` does the work.

A run's grain is a batch: counts reach Dagster, identifiers of images never do.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg

from assets import asset_keys
from assets.catalog.completeness import count_unfinished
from assets.processing.batch_runner import BatchRunner
from assets.processing.recipe import read_recipe
from assets.processing.summary import (
    by_outcome,
    by_stage,
    rates,
    sentence,
)
from assets.resources.object_store import ObjectStore
from assets.resources.warehouse import Warehouse
from assets.settings import Settings


@dg.multi_asset(
    name="renditions",
    specs=[
        dg.AssetSpec(
            asset_keys.RENDITION_FILES,
            deps=[asset_keys.IMAGE],
            group_name=asset_keys.IMAGES_GROUP,
            owners=asset_keys.DATA_ENGINEERING,
            kinds={"s3", "python"},
            skippable=True,
            description="One object per rendition that the recipe makes of a processed image.",
        ),
        dg.AssetSpec(
            asset_keys.RENDITION,
            deps=[asset_keys.IMAGE],
            group_name=asset_keys.IMAGES_GROUP,
            owners=asset_keys.DATA_ENGINEERING,
            kinds={"postgres", "python"},
            skippable=True,
            description="One row per rendition in the processed bucket.",
        ),
    ],
    partitions_def=asset_keys.ARRIVAL_DAYS,
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
    for key in (asset_keys.RENDITION_FILES, asset_keys.RENDITION):
        if left.on_day:
            yield dg.AssetObservation(key, partition=context.partition_key, metadata=metadata)
        else:
            yield dg.MaterializeResult(asset_key=key, metadata=metadata)
