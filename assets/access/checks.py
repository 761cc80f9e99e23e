"""The asset check of access: its name is a sentence that is true when the check is green."""

import dagster as dg
import pandas as pd

from assets import asset_keys
from assets.access.drift import Drift, Extra, read_drift
from assets.access.policy import load_policy
from assets.resources.warehouse import Warehouse

warehouse_grants = dg.AssetSpec(
    asset_keys.GRANTS,
    group_name=asset_keys.ACCESS_GROUP,
    owners=asset_keys.DATA_ENGINEERING,
    kinds={"postgres"},
    description=(
        "One row per privilege that a role has in the warehouse. What it should be is said by "
        "infra/postgres/access.yaml, and shown as a matrix in docs/access.md."
    ),
)


def judge(drift: Drift) -> tuple[dg.AssetCheckSeverity, str]:
    """Judges a difference: too much is an error, too little a warning; and a sentence."""
    counts = f"{len(drift.extra)} too much, {len(drift.missing)} missing"
    if drift.extra:
        return (
            dg.AssetCheckSeverity.ERROR,
            f"Somebody has what the access file does not give ({counts}); "
            "`python -m cli.access apply --revoke` takes it away.",
        )
    if drift.missing:
        return (
            dg.AssetCheckSeverity.WARN,
            f"Somebody lacks what the access file gives ({counts}); "
            "`python -m cli.access apply` grants it.",
        )
    return dg.AssetCheckSeverity.ERROR, f"All {drift.agreed} facts are as the access file says."


def as_table(drift: Drift) -> str:
    """Returns the differences as a table in Markdown; empty where there are none."""
    rows = [
        {"is": "too much" if isinstance(one, Extra) else "missing", "what": str(one.fact)}
        for one in drift.differences
    ]
    return pd.DataFrame(rows, columns=["is", "what"]).to_markdown(index=False)


@dg.asset_check(asset=asset_keys.GRANTS)
def grants_match_the_access_file(
    warehouse: dg.ResourceParam[Warehouse],
) -> dg.AssetCheckResult:
    """Every role has what the access file gives it, and nothing else."""
    with warehouse.connect() as connection:
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
