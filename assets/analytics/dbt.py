"""The dbt models and sources as assets; their tests are asset checks."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import (
    DagsterDbtTranslator,
    DagsterDbtTranslatorSettings,
    DbtCliResource,
    DbtProject,
    build_dbt_asset_selection,
    dbt_assets,
)

from assets import asset_keys
from assets.analytics.test_descriptions import describe_test, is_blocking
from assets.settings import RetentionSettings

PROJECT = DbtProject(project_dir=Path(__file__).parents[2] / "dbt_project")


SALES_TABLES = [
    dg.AssetSpec(
        key,
        group_name=asset_keys.SALES_GROUP,
        owners=asset_keys.SALES_OPERATIONS,
        kinds={"postgres"},
        description=description,
    )
    for key, description in (
        (asset_keys.MEMBERSHIP, "One row per member."),
        (asset_keys.ITEM, "One row per item of the catalogue, retired ones included."),
        (asset_keys.TRANSACTION, "One row per transaction."),
        (asset_keys.TRANSACTION_ITEM, "One row per item of a transaction."),
    )
]


class Translator(DagsterDbtTranslator):
    """Gives every check a description, and lets only those block that hold something up."""

    def get_asset_check_spec(
        self,
        asset_spec: dg.AssetSpec,
        manifest: Mapping[str, Any],
        unique_id: str,
        project: DbtProject | None,
    ) -> dg.AssetCheckSpec | None:
        """Returns the check that a dbt test is; None where dagster-dbt makes it none."""
        spec = super().get_asset_check_spec(asset_spec, manifest, unique_id, project)
        test = manifest["nodes"][unique_id]
        return spec and dg.AssetCheckSpec(
            spec.name,
            asset=spec.asset_key,
            description=describe_test(test),
            additional_deps=spec.additional_deps,
            metadata=spec.metadata,
            blocking=is_blocking(manifest, test),
        )


# The totals of images are part of the ledger: statements that change it append to them.
TRANSLATOR = Translator(DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=True))


@dbt_assets(manifest=PROJECT.manifest_path, project=PROJECT, dagster_dbt_translator=TRANSLATOR)
def views(
    context: dg.AssetExecutionContext,
    dbt: dg.ResourceParam[DbtCliResource],
    retention_settings: dg.ResourceParam[RetentionSettings],
) -> Iterator[object]:
    """Builds the selected models and tests their data; unit tests of the logic belong to CI."""
    build = ["build", "--exclude-resource-type", "unit_test", *retention_settings.dbt_variables]
    yield from dbt.cli(build, context=context).stream()


FULL_SCANS = build_dbt_asset_selection([views], dbt_select="tag:full_scan")
"""The checks that read whole sales tables: too slow for each build, and due once a day."""

SALES_AGGREGATES = build_dbt_asset_selection([views], dbt_select="intermediate.sales")
"""What the sales views read: the only models that a change of a sales table makes stale."""
