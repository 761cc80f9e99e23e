"""Watches for runs that failed: what a dead processing run had claimed waits again at once."""

import dagster as dg

from assets.catalog import leases
from assets.resources.warehouse import Warehouse
from orchestration.jobs import process_images


@dg.run_failure_sensor(
    monitored_jobs=[process_images],
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Gives back what a failed processing run had claimed, before its lease ends.",
)
def release_claims_of_failed_runs(
    context: dg.RunFailureSensorContext, warehouse: dg.ResourceParam[Warehouse]
) -> None:
    """Releases the run's claims; a run that could still release them itself has done so."""
    with warehouse.connect() as connection:
        released = leases.release_leases(
            connection, context.dagster_run.run_id, counts_as_attempt=True
        )
    context.log.info(f"{released} images wait again.")
