"""Watches the change queue of the sales tables and requests refreshes of the aggregates."""

from datetime import timedelta

import dagster as dg

from assets.platform import Platform
from assets.resources.warehouse import read_values
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
    description="Requests a refresh of the aggregates when changes of the sales tables wait.",
)
def sales_changes(
    context: dg.SensorEvaluationContext, platform: dg.ResourceParam[Platform]
) -> dg.SensorResult | dg.SkipReason:
    """Requests one run at a time, and one only for the same changes: a refresh that fails is red.

    A run deletes the changes that it applies in one transaction, so no watermark is needed; the
    cursor only holds what the last request was for. Until all views have been built once, it
    requests that build: views are live, and from then on only their aggregates follow the changes.
    """
    if any(runs_in_flight(context.instance, job.name) for job in (refresh_sales, build_views)):
        return dg.SkipReason("A run is in flight; changes are read again when it has ended.")
    with platform.warehouse.connect() as connection:
        found = read_values(connection, _WAITING)
    if not has_succeeded(context.instance, build_views.name):
        return _first_build(context)
    if not found:
        return dg.SkipReason("No change of a sales table waits.")
    waiting = ", ".join(found)
    if waiting == context.cursor:
        return dg.SkipReason(
            f"A run was requested and did not apply these changes ({waiting}): look at that run. "
            "The hourly build tries again."
        )
    return dg.SensorResult(
        run_requests=[dg.RunRequest(job_name=refresh_sales.name)], cursor=waiting
    )


def _first_build(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Requests a build of all views; a minute after one that failed or was killed, another."""
    requested_at = last_requested_at(context.instance, build_views.name)
    if requested_at and utc_now() - requested_at < _FIRST_BUILD_RETRY_AFTER:
        return dg.SkipReason(
            "The first build of the views did not succeed: look at that run. Another one is "
            "requested a minute after it."
        )
    return dg.SensorResult(run_requests=[dg.RunRequest(job_name=build_views.name)])
