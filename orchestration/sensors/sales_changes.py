"""Watches the change queue of the sales tables: what waits there asks for a refresh."""

import dagster as dg

from assets.resources.warehouse import Warehouse
from orchestration.jobs import build_views, refresh_sales
from orchestration.sensors.in_flight import runs_in_flight

_WAITING = """
    select concat_ws(' ', queue, oldest || '-' || newest)
    from (
        select 'transactions' as queue, min(change_id) as oldest, max(change_id) as newest
        from change_queue.changed_transaction
        union all
        select 'members', min(change_id), max(change_id) from change_queue.changed_member
        union all
        select 'items', min(change_id), max(change_id) from change_queue.changed_item
    ) as waiting
    where oldest is not null
    order by queue
"""


@dg.sensor(
    jobs=[refresh_sales, build_views],
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks for the aggregates to be refreshed when changes of the sales tables wait.",
)
def sales_changes(
    context: dg.SensorEvaluationContext, warehouse: dg.ResourceParam[Warehouse]
) -> dg.SensorResult | dg.SkipReason:
    """Never asks for two at once, and once for the same changes: a refresh that fails is red.

    What waits is taken by the run in the transaction that shows it, so nothing needs a watermark;
    the cursor only remembers what was asked for last. The very first tick asks for all views to be
    built: they are live, and only what they read has to follow the changes from then on.
    """
    if any(runs_in_flight(context.instance, job.name) for job in (refresh_sales, build_views)):
        return dg.SkipReason("A run is in flight; changes are looked at when it has ended.")
    with warehouse.connect() as connection:
        found = [str(row[0]) for row in connection.execute(_WAITING)]
    waiting = ", ".join(found) or "nothing"
    if not found and context.cursor:
        return dg.SkipReason("No change of a sales table waits.")
    if waiting == context.cursor:
        return dg.SkipReason(
            f"A run was asked for and did not take what waits ({waiting}): look at it. "
            "The hourly build tries again."
        )
    job = refresh_sales if context.cursor else build_views
    return dg.SensorResult(run_requests=[dg.RunRequest(job_name=job.name)], cursor=waiting)
