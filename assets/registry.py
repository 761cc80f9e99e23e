"""The modules that hold assets and asset checks; the definitions load these."""

import assets.access.checks
import assets.analytics.dbt
import assets.catalog.checks
import assets.processing.assets
import assets.retention.assets
import assets.retention.checks
import assets.retention.run_records
from assets.ingestion.registry import dagster_modules

MODULES = (
    *dagster_modules(),
    assets.catalog.checks,
    assets.processing.assets,
    assets.retention.assets,
    assets.retention.checks,
    assets.retention.run_records,
    assets.analytics.dbt,
    assets.access.checks,
)
