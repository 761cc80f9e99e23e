"""The naive pattern beside the platform: a sensor that requests one run per object.

Dagster's documentation shows it for files in a folder: list all, request a run for each, and let
`run_key` decide which are new. It has the settings of the platform's own sensors and jobs: five
seconds between ticks, and runs in one process (Dagster's defaults are slower).
"""

from collections.abc import Iterator

import dagster as dg

from assets.job_families import FAMILY, JobFamily
from assets.processing.processor import process
from assets.processing.recipe import read_recipe
from assets.resources.object_store import ObjectStore
from assets.settings import Settings


class ObjectConfig(dg.Config):
    """The object that a run processes."""

    key: str


@dg.op
def make_renditions(config: ObjectConfig) -> None:
    """Fetches one object and stores its renditions."""
    settings = Settings()
    store = ObjectStore(settings)
    body = store.get(settings.raw_bucket, config.key)
    for rendition in process(body, read_recipe("standard")).renditions:
        key = f"{config.key}/{rendition.name}.jpg"
        store.put(settings.processed_bucket, key, rendition.body, "image/jpeg")


@dg.job(executor_def=dg.in_process_executor, tags={FAMILY: JobFamily.PROCESSING.value})
def process_object() -> None:
    """Makes the renditions of one object."""
    make_renditions()


@dg.sensor(
    job=process_object, minimum_interval_seconds=5, default_status=dg.DefaultSensorStatus.RUNNING
)
def objects(_context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest]:
    """Requests a run for each object in the bucket."""
    settings = Settings()
    for page in ObjectStore(settings).pages_of_versions(settings.raw_bucket):
        for found in page.versions:
            config = dg.RunConfig(ops={"make_renditions": ObjectConfig(key=found.key)})
            yield dg.RunRequest(run_key=found.key, run_config=config)


defs = dg.Definitions(jobs=[process_object], sensors=[objects])
