"""Resource instances: created from the settings when a run or a tick starts, never at import."""

import sys
from collections.abc import Mapping
from pathlib import Path

import dagster as dg
from dagster_dbt import DbtCliResource

from assets.analytics.dbt import PROJECT
from assets.platform import Platform
from assets.settings import Settings


def _platform(_context: dg.InitResourceContext) -> Platform:
    return Platform.from_settings(Settings())


def _dbt(_context: dg.InitResourceContext) -> DbtCliResource:
    """The dbt of this Python environment, whatever the PATH says."""
    return DbtCliResource(
        project_dir=PROJECT,
        profiles_dir=str(PROJECT.project_dir),
        dbt_executable=str(Path(sys.executable).with_name("dbt")),
    )


RESOURCES: Mapping[str, object] = {
    "platform": dg.ResourceDefinition(
        _platform, description="Settings and clients of the servers."
    ),
    "dbt": dg.ResourceDefinition(_dbt, description="The dbt command line on the project."),
}
