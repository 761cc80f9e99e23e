"""The code location: wires assets, jobs, schedules, sensors and resources, and nothing else."""

from collections.abc import Mapping

import dagster as dg

from assets.ingestion.registry import sources
from assets.registry import MODULES
from orchestration.erase import erase_images
from orchestration.ingestion import ingestion_defs
from orchestration.jobs import JOBS
from orchestration.replay import replay_messages
from orchestration.resources import RESOURCES
from orchestration.schedules import SCHEDULES
from orchestration.sensors.erasures import forget_erasure_runs
from orchestration.sensors.image_backlog import image_backlog
from orchestration.sensors.run_failures import release_claims_of_failed_runs
from orchestration.sensors.sales_changes import sales_changes

SENSORS = [
    image_backlog,
    sales_changes,
    release_claims_of_failed_runs,
    forget_erasure_runs,
]


def build_defs(overrides: Mapping[str, object] | None = None) -> dg.Definitions:
    """Assembles the platform.

    Args:
        overrides: Resources to use in place of the configured ones, by resource key.
    """
    own = dg.Definitions(
        assets=dg.load_assets_from_modules(MODULES, include_specs=True),
        asset_checks=dg.load_asset_checks_from_modules(MODULES),
        jobs=[*JOBS, replay_messages, erase_images],
        schedules=SCHEDULES,
        sensors=SENSORS,
        resources={**RESOURCES, **(overrides or {})},
    )
    of_sources = (ingestion_defs(source.job) for source in sources() if source.job)
    return dg.Definitions.merge(own, *of_sources)


defs = build_defs()
