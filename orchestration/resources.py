"""Resource instances: made from the settings when a run or a tick begins, never at import."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import dagster as dg
from dagster_dbt import DbtCliResource

from assets.analytics.dbt import PROJECT
from assets.platform import Platform
from assets.resources.object_store import ObjectStore
from assets.resources.warehouse import Warehouse
from assets.settings import Settings


def _settings(_context: dg.InitResourceContext) -> Settings:
    return Settings()


def _object_store(_context: dg.InitResourceContext) -> ObjectStore:
    return ObjectStore(Settings())


def _warehouse(_context: dg.InitResourceContext) -> Warehouse:
    return Warehouse.from_settings(Settings())


def _platform(_context: dg.InitResourceContext) -> Platform:
    return Platform.from_settings(Settings())


def _dbt(_context: dg.InitResourceContext) -> DbtCliResource:
    """The dbt of this very Python environment, whatever the PATH says."""
    return DbtCliResource(
        project_dir=PROJECT,
        profiles_dir=str(PROJECT.project_dir),
        dbt_executable=str(Path(sys.executable).with_name("dbt")),
    )


RESOURCES: Mapping[str, object] = {
    "platform": dg.ResourceDefinition(_platform, description="Settings and clients."),
    "settings": dg.ResourceDefinition(_settings, description="The platform's settings."),
    "object_store": dg.ResourceDefinition(_object_store, description="S3 buckets and their queue."),
    "warehouse": dg.ResourceDefinition(_warehouse, description="PostgreSQL as the loading role."),
    "dbt": dg.ResourceDefinition(_dbt, description="The dbt command line on the project."),
}
