"""The asset check of the ledger: its name is a sentence that is true when it is green."""

import dagster as dg
import pandas as pd

from assets import asset_keys
from assets.platform import Platform
from assets.resources.warehouse import Connection

_CONSERVATION = """
    with known as (
        select
            source,
            date_trunc('hour', arrived_at, 'UTC') as arrived_hour,
            count(*) filter (where state = 'waiting') as waiting,
            count(*) filter (where state = 'processed') as processed,
            count(*) filter (where state = 'rejected') as rejected
        from image_catalog.image
        group by 1, 2
    )
    select
        source,
        arrived_hour,
        coalesce(landed_count, 0) as landed,
        coalesce(waiting, 0) as waiting,
        coalesce(processed, 0) as processed,
        coalesce(rejected, 0) as rejected,
        coalesce(purged_count, 0) as purged
    from image_catalog.arrival_count
    full join known using (source, arrived_hour)
    order by arrived_hour desc, source
"""


def balance(connection: Connection) -> pd.DataFrame:
    """Returns per source and hour of arrival how many landed, their states, and the difference."""
    cursor = connection.execute(_CONSERVATION)
    columns = [column.name for column in cursor.description or ()]
    table = pd.DataFrame(cursor.fetchall(), columns=columns)
    accounted = table[["waiting", "processed", "rejected", "purged"]].sum(axis=1)
    return table.assign(difference=table["landed"] - accounted)


@dg.asset_check(asset=asset_keys.IMAGE)
def landed_equals_waiting_processed_rejected_purged(
    platform: dg.ResourceParam[Platform],
) -> dg.AssetCheckResult:
    """Every image that landed is waiting, processed, rejected or purged, per source and hour."""
    with platform.warehouse.connect() as connection:
        table = balance(connection)
    wrong = table[table["difference"] != 0]
    totals = table.drop(columns=["arrived_hour"]).groupby("source").sum()
    sums = {str(name): int(total) for name, total in totals.sum().items()}
    return dg.AssetCheckResult(
        passed=wrong.empty,
        description=(
            f"{sums['landed']} images landed and every one is accounted for."
            if wrong.empty
            else f"{len(wrong)} hours do not add up; the largest difference is "
            f"{int(wrong['difference'].abs().max())} images."
        ),
        metadata={
            **sums,
            "by_source": dg.MetadataValue.md(totals.to_markdown()),
            "hours_that_do_not_add_up": dg.MetadataValue.md(wrong.to_markdown(index=False)),
        },
    )
