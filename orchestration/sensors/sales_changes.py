"""Watches the sales tables: a change since the last build asks for the views to be built again."""

import dagster as dg

from assets.resources.warehouse import Warehouse
from orchestration.jobs import build_views
from orchestration.sensors.in_flight import runs_in_flight

_LAST_CHANGE = """
    select max(changed_at)
    from (
        select max("UPDATED_DTTM") as changed_at from "ASSESSMENT"."TB_MEMBERSHIP"
        union all
        select max("UPDATED_DTTM") from "ASSESSMENT"."TB_ITEM"
        union all
        select max("UPDATED_DTTM") from "ASSESSMENT"."TB_TRANSACTION"
        union all
        select max("UPDATED_DTTM") from "ASSESSMENT"."TB_TRANSACTION_ITEM_MAPPING"
    ) as change
"""


@dg.sensor(
    job=build_views,
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks for the views to be built when a sales table changed since it last asked.",
)
def sales_changes(
    context: dg.SensorEvaluationContext, warehouse: dg.ResourceParam[Warehouse]
) -> dg.SensorResult | dg.SkipReason:
    """Keeps the time of the last change that it asked a build for; never builds two at once."""
    if runs_in_flight(context.instance, build_views.name):
        return dg.SkipReason("A build is in flight; changes are looked at when it has ended.")
    with warehouse.connect() as connection:
        row = connection.execute(_LAST_CHANGE).fetchone()
    last_change = str(row[0]) if row and row[0] else "never"
    if last_change == context.cursor:
        return dg.SkipReason(f"No sales table changed since {last_change}.")
    return dg.SensorResult(run_requests=[dg.RunRequest()], cursor=last_change)
