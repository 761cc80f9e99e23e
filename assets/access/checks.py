"""The asset of privileges, and the daily checks of privileges and triggers."""

import dagster as dg
import pandas as pd

from assets import asset_keys
from assets.access.drift import Drift, read_drift
from assets.access.policy import load_policy
from assets.access.triggers import describe_triggers, differences, recorded_triggers
from assets.platform import Platform

warehouse_grants = dg.AssetSpec(
    asset_keys.GRANTS,
    group_name=asset_keys.ACCESS_GROUP,
    owners=asset_keys.DATA_ENGINEERING,
    kinds={"postgres"},
    description=(
        "One row per privilege that a role has in the warehouse. infra/postgres/access.yaml states "
        "which should exist; docs/access.md shows them as a matrix."
    ),
)


def judge(drift: Drift) -> tuple[dg.AssetCheckSeverity, str]:
    """Returns severity and description of a drift: extra is an error, missing a warning."""
    counts = f"{len(drift.extra)} extra, {len(drift.missing)} missing"
    if drift.extra:
        return dg.AssetCheckSeverity.ERROR, (
            f"Roles have rights that are not in the access file ({counts}); "
            "`darkroom access apply --revoke` revokes them."
        )
    if drift.missing:
        return dg.AssetCheckSeverity.WARN, (
            f"Roles lack rights that are in the access file ({counts}); "
            "`darkroom access apply` grants them."
        )
    return dg.AssetCheckSeverity.ERROR, f"All {drift.agreed} facts match the access file."


def as_table(drift: Drift) -> str:
    """Returns the differences as a Markdown table without rows where there are none."""
    rows = [("extra", str(fact)) for fact in drift.extra]
    rows += [("missing", str(fact)) for fact in drift.missing]
    return pd.DataFrame(rows, columns=["drift", "fact"]).to_markdown(index=False)


@dg.asset_check(asset=asset_keys.GRANTS)
def grants_match_the_access_file(platform: dg.ResourceParam[Platform]) -> dg.AssetCheckResult:
    """Every role has exactly the rights that the access file states."""
    with platform.warehouse.connect() as connection:
        drift = read_drift(connection, load_policy())
    severity, description = judge(drift)
    return dg.AssetCheckResult(
        passed=not drift.differences,
        severity=severity,
        description=description,
        metadata={
            "as_the_file_says": drift.agreed,
            "too_much": len(drift.extra),
            "missing": len(drift.missing),
            "views_not_built_yet": len(drift.not_built),
            "differences": dg.MetadataValue.md(as_table(drift)),
        },
    )


@dg.asset_check(asset=asset_keys.GRANTS)
def every_change_of_a_sales_table_is_stamped_audited_and_queued(
    platform: dg.ResourceParam[Platform],
) -> dg.AssetCheckResult:
    """The triggers of the sales tables are there, enabled and as the migrations define them."""
    with platform.warehouse.connect() as connection:
        found = differences(describe_triggers(connection), recorded_triggers())
    return dg.AssetCheckResult(
        passed=not found,
        description=" ".join(found) or "All triggers are as the migrations define them.",
        metadata={"differences": len(found)},
    )
