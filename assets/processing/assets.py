"""Renditions as assets; `batch_runner` does the work.

A run's grain is a batch: counts reach Dagster, identifiers of images never do.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg

from assets import asset_keys
from assets.catalog.completeness import count_unfinished
from assets.platform import Platform
from assets.processing.batch_runner import BatchRunner
from assets.processing.isolation_report import layers_sentence, weakness
from assets.processing.recipe import read_recipe


@dg.multi_asset(
    name="renditions",
    specs=[
        dg.AssetSpec(
            key,
            deps=[asset_keys.IMAGE],
            group_name=asset_keys.IMAGES_GROUP,
            owners=asset_keys.DATA_ENGINEERING,
            kinds={store, "python"},
            skippable=True,
            description=description,
        )
        for key, store, description in (
            (
                asset_keys.RENDITION_FILES,
                "s3",
                "One object per rendition that the recipe makes of a processed image.",
            ),
            (asset_keys.RENDITION, "postgres", "One row per rendition in the processed bucket."),
        )
    ],
    partitions_def=asset_keys.ARRIVAL_DAYS,
)
def renditions(
    context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]
) -> Iterator[dg.MaterializeResult[None] | dg.AssetObservation]:
    """The recipe's renditions of every waiting image of a day, and the image's outcome.

    Images are claimed from the ledger and decoded in isolated workers. A bad image becomes a
    rejected row with a reason and does not affect others. When no image waits, those that another
    recipe has made are processed again. The day's partition is materialised when nothing of it is
    left; a run that leaves something to another run only reports what it has done.
    """
    day = date.fromisoformat(context.partition_key)
    recipe = read_recipe(platform.settings.image_recipe)
    summary = BatchRunner(platform, recipe).run(day, context.run.run_id)
    with platform.warehouse.connect() as connection:
        left = count_unfinished(connection, day, recipe.hash)
    context.log.info(summary.sentence())
    if failures := dict(summary.failures):
        context.log.warning(f"Single images failed: {failures}.")
    if weak := weakness(summary.layers):
        context.log.warning(weak)
    metadata: dict[str, dg.MetadataValue[Any] | str | int | float] = {
        "processed": summary.processed,
        "rejected": summary.rejected,
        "deferred": summary.deferred,
        **summary.rates(),
        "left_on_this_day": left.on_day,
        "days_complete": left.days_complete,
        "days_known": left.days_known,
        "outcomes": dg.MetadataValue.md(summary.outcome_table().to_markdown(index=False)),
        "stages": dg.MetadataValue.md(summary.stage_table().to_markdown(index=False)),
        "recipe": f"{recipe.title} ({recipe.hash})",
        "processor": platform.settings.image_processor,
        "workers": layers_sentence(summary.layers),
    }
    for key in (asset_keys.RENDITION_FILES, asset_keys.RENDITION):
        if left.on_day:
            yield dg.AssetObservation(key, partition=context.partition_key, metadata=metadata)
        else:
            yield dg.MaterializeResult(asset_key=key, metadata=metadata)
