"""Watches the change queue of the sales tables: what waits there asks for a refresh."""

from datetime import timedelta

import dagster as dg

from assets.resources.warehouse import Warehouse
from assets.timing import utc_now
from orchestration.jobs import build_views, refresh_sales
from orchestration.sensors.in_flight import has_succeeded, last_requested_at, runs_in_flight

_FIRST_BUILD_RETRY_AFTER = timedelta(minutes=1)
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
    the cursor only remembers what was asked for last. Until all views were built once, it asks for
    that: they are live, and only what they read has to follow the changes from then on.
    """
    if any(runs_in_flight(context.instance, job.name) for job in (refresh_sales, build_views)):
        return dg.SkipReason("A run is in flight; changes are looked at when it has ended.")
    with warehouse.connect() as connection:
        found = [str(row[0]) for row in connection.execute(_WAITING)]
    if not has_succeeded(context.instance, build_views.name):
        return _first_build(context)
    if not found:
        return dg.SkipReason("No change of a sales table waits.")
    waiting = ", ".join(found)
    if waiting == context.cursor:
        return dg.SkipReason(
            f"A run was asked for and did not take what waits ({waiting}): look at it. "
            "The hourly build tries again."
        )
    return dg.SensorResult(
        run_requests=[dg.RunRequest(job_name=refresh_sales.name)], cursor=waiting
    )


def _first_build(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Asks for all views, and again some time after a build that failed or was killed."""
    asked_at = last_requested_at(context.instance, build_views.name)
    if asked_at and utc_now() - asked_at < _FIRST_BUILD_RETRY_AFTER:
        return dg.SkipReason(
            "The first build of the views did not succeed: look at it. It is tried again a minute "
            "after it was asked for."
        )
    return dg.SensorResult(run_requests=[dg.RunRequest(job_name=build_views.name)])
