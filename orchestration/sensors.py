"""Sensors: each watches one system.

Each reads the backlog and the runs in flight before it requests a run, requests a bounded number,
and stores at most a watermark. A server that does not answer fails the tick; a tick skips only when
there is nothing new. The sensors of ingestion sources are in `ingestion.py`.
"""

from collections.abc import Mapping
from datetime import timedelta

import dagster as dg

from assets.asset_keys import ARRIVAL_DAYS
from assets.catalog import leases, ledger
from assets.platform import Platform
from assets.processing.run_requests import days_to_process, runs_by_day
from assets.resources.warehouse import read_values
from assets.retention.erasure_requests import newest_open
from assets.timing import utc_now
from orchestration.erase import erase_images
from orchestration.jobs import build_views, process_images, refresh_sales, runs_in_flight

_RETRY_AFTER = timedelta(minutes=1)
_FAILED = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
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
    job=process_images,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Requests processing runs for days with claimable images, several for a large day.",
)
def image_backlog(
    context: dg.SensorEvaluationContext, platform: dg.ResourceParam[Platform]
) -> dg.SensorResult | dg.SkipReason:
    """Requests runs by day; images that a run has not finished wait, and are requested again.

    Runs of one day share its images by claiming them; `PROCESSING_RUNS` bounds how many there are.
    """
    in_flight = runs_in_flight(context.instance, process_images.name)
    with platform.warehouse.connect() as connection:
        backlog = ledger.backlog(connection)
    runs = runs_by_day(run.tags for run in in_flight)
    wanted, why = days_to_process(backlog, runs, platform.settings.processing_runs)
    if not wanted:
        return dg.SkipReason(why)
    context.log.info(why)
    days = [day.isoformat() for day in wanted]
    return dg.SensorResult(
        run_requests=[dg.RunRequest(partition_key=day) for day in days],
        dynamic_partitions_requests=[ARRIVAL_DAYS.build_add_request(sorted(set(days)))],
    )


@dg.run_failure_sensor(
    monitored_jobs=[process_images],
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Releases what a failed processing run had claimed, before its leases expire.",
)
def release_claims_of_failed_runs(
    context: dg.RunFailureSensorContext, platform: dg.ResourceParam[Platform]
) -> None:
    """Releases the run's leases; a run that could still do that itself has done so."""
    run_id = context.dagster_run.run_id
    with platform.warehouse.connect() as connection:
        released = leases.release_leases(connection, run_id, counts_as_attempt=True)
    context.log.info(f"{released} images wait again.")


@dg.sensor(
    job=erase_images,
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Requests a run when requested erasures are not completed.",
)
def erasure_requests(
    context: dg.SensorEvaluationContext, platform: dg.ResourceParam[Platform]
) -> dg.RunRequest | dg.SkipReason:
    """Requests one run at a time, for all open requests up to the newest.

    A request stays open until a run has completed it. After a run that failed, another one is
    requested a minute later.
    """
    if runs_in_flight(context.instance, erase_images.name):
        return dg.SkipReason("A run is in flight; open requests are read again when it has ended.")
    with platform.warehouse.connect() as connection:
        newest = newest_open(connection)
    if newest is None:
        return dg.SkipReason("No erasure request is open.")
    if _has_just_failed(context.instance, erase_images.name):
        return dg.SkipReason(
            "The last run failed: look at it. Another one is requested a minute after it."
        )
    config: Mapping[str, object] = {"ops": {"erase_requested": {"config": {"request": newest}}}}
    return dg.RunRequest(run_config=config)


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
    instance = context.instance
    if any(runs_in_flight(instance, job.name) for job in (refresh_sales, build_views)):
        return dg.SkipReason("A run is in flight; changes are read again when it has ended.")
    with platform.warehouse.connect() as connection:
        waiting = ", ".join(read_values(connection, _WAITING))
    has_built = dg.RunsFilter(job_name=build_views.name, statuses=[dg.DagsterRunStatus.SUCCESS])
    if not instance.get_runs_count(has_built):
        return _first_build(instance)
    if not waiting:
        return dg.SkipReason("No change of a sales table waits.")
    if waiting == context.cursor:
        return dg.SkipReason(
            f"A run was requested and did not apply these changes ({waiting}): look at that run. "
            "The hourly build tries again."
        )
    return dg.SensorResult(
        run_requests=[dg.RunRequest(job_name=refresh_sales.name)], cursor=waiting
    )


def _has_just_failed(instance: dg.DagsterInstance, job_name: str) -> bool:
    """Returns whether the job's latest run failed or was cancelled, less than a minute ago."""
    latest = instance.get_run_records(dg.RunsFilter(job_name=job_name), limit=1)
    return any(
        record.dagster_run.status in _FAILED and utc_now() - record.create_timestamp < _RETRY_AFTER
        for record in latest
    )


def _first_build(instance: dg.DagsterInstance) -> dg.SensorResult | dg.SkipReason:
    """Requests a build of all views; a minute after one that failed or was killed, another."""
    if _has_just_failed(instance, build_views.name):
        return dg.SkipReason(
            "The first build of the views did not succeed: look at that run. Another one is "
            "requested a minute after it."
        )
    return dg.SensorResult(run_requests=[dg.RunRequest(job_name=build_views.name)])
