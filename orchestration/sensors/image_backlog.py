"""Watches the ledger: images that wait and are in nobody's hands are asked to be processed."""

import dagster as dg

from assets.images import ledger
from assets.images.assets import ARRIVAL_DAYS
from assets.images.backlog import Wait, days_in_flight, days_to_process
from assets.resources.warehouse import Warehouse
from orchestration.jobs import process_images
from orchestration.sensors.in_flight import runs_in_flight


@dg.sensor(
    job=process_images,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks for a processing run per day on which images wait, unless one is in flight.",
)
def image_backlog(
    context: dg.SensorEvaluationContext, warehouse: dg.ResourceParam[Warehouse]
) -> dg.SensorResult | dg.SkipReason:
    """Asks for runs by day; a batch that failed waits in the ledger and so comes back by itself."""
    in_flight = runs_in_flight(context.instance, process_images.name)
    with warehouse.connect() as connection:
        waiting = ledger.backlog(connection)
    decision = days_to_process(waiting, days_in_flight(run.tags for run in in_flight))
    if isinstance(decision, Wait):
        return dg.SkipReason(decision.why)
    context.log.info(decision.why)
    days = [day.isoformat() for day in decision.days]
    return dg.SensorResult(
        run_requests=[dg.RunRequest(partition_key=day) for day in days],
        dynamic_partitions_requests=[ARRIVAL_DAYS.build_add_request(days)],
    )
