"""The retention asset: the purge as Dagster runs it."""

from dataclasses import asdict
from datetime import date

import dagster as dg

from assets.images.assets import ARRIVAL_DAYS, OWNERS, image_ledger
from assets.resources.object_store import ObjectStore
from assets.resources.warehouse import Warehouse
from assets.retention.policy import cutoff
from assets.retention.purge import Purge
from assets.settings import Settings
from assets.timing import utc_now

GROUP = "retention"


@dg.asset(
    key=["retention", "purge_receipt"],
    deps=[
        image_ledger,
        dg.AssetKey(["processed_bucket", "rendition_files"]),
        dg.AssetKey(["image_catalog", "rendition"]),
    ],
    group_name=GROUP,
    owners=OWNERS,
    kinds={"s3", "postgres", "python"},
)
def purge_receipt(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    object_store: dg.ResourceParam[ObjectStore],
    warehouse: dg.ResourceParam[Warehouse],
) -> dg.MaterializeResult[None]:
    """One receipt per purge: how much was deleted because it had reached its age."""
    now = utc_now()
    purged = Purge(settings, object_store, warehouse).run(now)
    last_day = cutoff(now, settings.retention).date()
    for day in context.instance.get_dynamic_partitions(ARRIVAL_DAYS.name or ""):
        if date.fromisoformat(day) < last_day:
            context.instance.delete_dynamic_partition(ARRIVAL_DAYS.name or "", day)
    return dg.MaterializeResult(metadata=asdict(purged))
