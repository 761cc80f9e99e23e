"""Watches the ledger: images that wait and are in nobody's hands are asked to be processed."""

import dagster as dg

from assets.asset_keys import ARRIVAL_DAYS
from assets.catalog import ledger
from assets.processing.run_requests import SkipTick, days_to_process, runs_by_day
from assets.resources.warehouse import Warehouse
from assets.settings import Settings
from orchestration.jobs import process_images
from orchestration.sensors.in_flight import runs_in_flight


@dg.sensor(
    job=process_images,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks for processing runs on days on which images wait, as many as they are worth.",
)
def image_backlog(
    context: dg.SensorEvaluationContext,
    settings: dg.ResourceParam[Settings],
    warehouse: dg.ResourceParam[Warehouse],
) -> dg.SensorResult | dg.SkipReason:
    """Asks for runs by day; what a run has not finished waits and so is asked for again by itself.

    Runs of one day share it by claiming; how many there may be at once is `PROCESSING_RUNS`.
    """
    in_flight = runs_in_flight(context.instance, process_images.name)
    with warehouse.connect() as connection:
        waiting = ledger.backlog(connection)
    runs = runs_by_day(run.tags for run in in_flight)
    decision = days_to_process(waiting, runs, settings.processing_runs)
    if isinstance(decision, SkipTick):
        return dg.SkipReason(decision.why)
    context.log.info(decision.why)
    days = [day.isoformat() for day in decision.days]
    return dg.SensorResult(
        run_requests=[dg.RunRequest(partition_key=day) for day in days],
        dynamic_partitions_requests=[ARRIVAL_DAYS.build_add_request(sorted(set(days)))],
    )
