"""The code location: wires assets, jobs, schedules, sensors and resources, and nothing else."""

import sys
from collections.abc import Mapping
from pathlib import Path

import dagster as dg
from dagster_dbt import DbtCliResource

from assets.analytics.dbt import PROJECT
from assets.ingestion.registry import sources
from assets.platform import Platform
from assets.registry import MODULES
from assets.settings import RetentionSettings, Settings
from orchestration import sensors
from orchestration.erase import erase_images
from orchestration.ingestion import ingestion_defs
from orchestration.jobs import JOBS, SCHEDULES
from orchestration.replay import replay_messages

SENSORS = [
    sensors.image_backlog,
    sensors.sales_changes,
    sensors.release_claims_of_failed_runs,
    sensors.erasure_requests,
]


def _platform(_context: dg.InitResourceContext) -> Platform:
    return Platform.from_settings(Settings())


def _retention_settings(_context: dg.InitResourceContext) -> RetentionSettings:
    return RetentionSettings()


def _dbt(_context: dg.InitResourceContext) -> DbtCliResource:
    """The dbt of this Python environment, whatever the PATH says."""
    return DbtCliResource(
        project_dir=PROJECT,
        profiles_dir=str(PROJECT.project_dir),
        dbt_executable=str(Path(sys.executable).with_name("dbt")),
    )


# Created from the settings when a run or a tick starts, never at import.
RESOURCES: Mapping[str, object] = {
    "platform": dg.ResourceDefinition(
        _platform, description="Settings and clients of the servers."
    ),
    "retention_settings": dg.ResourceDefinition(
        _retention_settings, description="How long images are kept; of no server."
    ),
    "dbt": dg.ResourceDefinition(_dbt, description="The dbt command line on the project."),
}


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
        executor=dg.in_process_executor,  # a run is a process already
    )
    of_sources = (ingestion_defs(source.job) for source in sources() if source.job)
    return dg.Definitions.merge(own, *of_sources)


defs = build_defs()
