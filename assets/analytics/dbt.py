"""The dbt models and sources as assets; their tests are asset checks."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
from dagster_dbt import DbtCliResource, DbtProject, build_dbt_asset_selection, dbt_assets

from assets import asset_keys
from assets.analytics.variables import dbt_variables
from assets.platform import Platform

PROJECT = DbtProject(project_dir=Path(__file__).parents[2] / "dbt_project")


def _sales_table(key: dg.AssetKey, description: str) -> dg.AssetSpec:
    return dg.AssetSpec(
        key,
        group_name=asset_keys.SALES_GROUP,
        owners=asset_keys.SALES_OPERATIONS,
        kinds={"postgres"},
        description=description,
    )


SALES_TABLES = [
    _sales_table(asset_keys.MEMBERSHIP, "One row per member."),
    _sales_table(asset_keys.ITEM, "One row per item of the catalogue, retired ones included."),
    _sales_table(asset_keys.TRANSACTION, "One row per transaction."),
    _sales_table(asset_keys.TRANSACTION_ITEM, "One row per item of a transaction."),
]


@dbt_assets(manifest=PROJECT.manifest_path, project=PROJECT)
def views(
    context: dg.AssetExecutionContext,
    dbt: dg.ResourceParam[DbtCliResource],
    platform: dg.ResourceParam[Platform],
) -> Iterator[object]:
    """Builds the selected models and tests their data; unit tests of the logic belong to CI."""
    build = ["build", "--exclude-resource-type", "unit_test", *dbt_variables(platform.settings)]
    yield from dbt.cli(build, context=context).stream()


FULL_SCANS = build_dbt_asset_selection([views], dbt_select="tag:full_scan")
"""The checks that read whole sales tables: too slow for each build, and due once a day."""

SALES_AGGREGATES = build_dbt_asset_selection([views], dbt_select="intermediate.sales")
"""What the sales views read: the only models that a change of a sales table makes stale."""
