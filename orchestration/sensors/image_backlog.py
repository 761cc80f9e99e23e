"""Watches the ledger and requests processing runs for days with claimable images."""

import dagster as dg

from assets.asset_keys import ARRIVAL_DAYS
from assets.catalog import ledger
from assets.platform import Platform
from assets.processing.run_requests import days_to_process, runs_by_day
from orchestration.jobs import process_images
from orchestration.sensors.in_flight import runs_in_flight


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
