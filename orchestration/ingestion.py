"""The job of every ingestion source that needs one, and the sensor that requests its runs."""

import dagster as dg

from assets import asset_keys
from assets.ingestion.source import IngestionJob
from assets.job_families import FAMILY, JobFamily
from assets.platform import Platform
from orchestration.jobs import ALONE, runs_in_flight


def ingestion_sensor(ingestion: IngestionJob) -> dg.SensorDefinition:
    """Returns the sensor that requests runs of a source's job: one at a time, as long as needed."""

    @dg.sensor(
        name=ingestion.sensor,
        job_name=ingestion.name,
        minimum_interval_seconds=5,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=ingestion.sensor_description,
    )
    def request_run(
        context: dg.SensorEvaluationContext, platform: dg.ResourceParam[Platform]
    ) -> dg.RunRequest | dg.SkipReason:
        if runs_in_flight(context.instance, ingestion.name):
            return dg.SkipReason(
                f"A run of {ingestion.name} is in flight; it continues while there is more."
            )
        has_work, why = ingestion.find_work(platform)
        if not has_work:
            return dg.SkipReason(why)
        context.log.info(why)
        return dg.RunRequest()

    return request_run


def ingestion_defs(ingestion: IngestionJob) -> dg.Definitions:
    """Returns the job of a source and its sensor."""
    job = dg.define_asset_job(
        ingestion.name,
        selection=dg.AssetSelection.assets(ingestion.asset or asset_keys.IMAGE),
        description=ingestion.description,
        tags={ALONE: ingestion.name, FAMILY: JobFamily.INGESTION.value},
    )
    return dg.Definitions(jobs=[job], sensors=[ingestion_sensor(ingestion)])
