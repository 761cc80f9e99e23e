"""The retention asset: the purge as Dagster runs it."""

from datetime import date, datetime, timedelta

import dagster as dg
import pandas as pd

from assets import asset_keys
from assets.errors import DeletionRefusedError
from assets.platform import Platform
from assets.retention.clocks import earliest, read_clocks
from assets.retention.purge import Purge
from assets.retention.receipts import Copy, Tally
from assets.retention_policy import ImplausiblePurgeError, cutoff

HORIZON = dg.AssetSpec(
    asset_keys.HORIZON,
    group_name=asset_keys.IMAGES_GROUP,
    owners=asset_keys.DATA_ENGINEERING,
    kinds={"postgres"},
    description="One row: images that arrived until then are expired. A purge raises it first.",
)


class PurgeConfig(dg.Config):
    """What a person may confirm for a purge."""

    any_share: bool = False
    """Whether to delete however large a share of all images is due, as after an outage."""


@dg.asset(
    key=asset_keys.PURGE_RECEIPT,
    deps=[asset_keys.IMAGE, asset_keys.RENDITION_FILES, asset_keys.RENDITION],
    group_name=asset_keys.RETENTION_GROUP,
    owners=asset_keys.DATA_ENGINEERING,
    kinds={"s3", "postgres", "python"},
)
def purge_receipt(
    context: dg.AssetExecutionContext, config: PurgeConfig, platform: dg.ResourceParam[Platform]
) -> dg.MaterializeResult[None]:
    """One receipt per transaction that deleted images which had reached the purge age.

    The earliest clock of all servers decides what is due, so that a wrong clock deletes nothing too
    early. A person has to confirm the deletion of an implausible share of all images.
    """
    now = earliest(read_clocks(platform))
    last_day = cutoff(now, platform.settings.retention).date()
    for day in context.instance.get_dynamic_partitions(asset_keys.ARRIVAL_DAYS.name or ""):
        if date.fromisoformat(day) < last_day:
            context.instance.delete_dynamic_partition(asset_keys.ARRIVAL_DAYS.name or "", day)
    try:
        gone = Purge(platform, may_take_any_share=config.any_share).run(now)
    except (ImplausiblePurgeError, DeletionRefusedError) as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    return dg.MaterializeResult(
        metadata={
            "images": gone.items(Copy.LEDGER_ROW),
            "copies": gone.items(),
            "gone": dg.MetadataValue.md(as_table(gone, now).to_markdown(index=False)),
        }
    )


def as_table(gone: Tally, now: datetime) -> pd.DataFrame:
    """Returns one row per kind of deleted copy; ages are in hours."""

    def hours(at: datetime) -> float:
        return round((now - at) / timedelta(hours=1), 2)

    rows = [
        (
            one.copy.value.replace("_", " "),
            one.items,
            round(one.size_bytes / 1e6, 1),
            hours(one.oldest_at),
            hours(one.newest_at),
        )
        for one in gone.gone
    ]
    return pd.DataFrame(rows, columns=["copy", "deleted", "MB", "oldest, h", "newest, h"])
