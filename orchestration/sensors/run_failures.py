"""Releases the leases of processing runs that failed, so that their images wait again at once."""

import dagster as dg

from assets.catalog import leases
from assets.platform import Platform
from orchestration.jobs import process_images


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
    with platform.warehouse.connect() as connection:
        released = leases.release_leases(
            connection, context.dagster_run.run_id, counts_as_attempt=True
        )
    context.log.info(f"{released} images wait again.")
