"""Which modules hold the assets and checks of each group; what the definitions load."""

from __future__ import annotations

from types import ModuleType

import assets.access.checks
import assets.analytics.dbt
import assets.catalog.assets
import assets.catalog.checks
import assets.retention.assets
import assets.retention.checks
import assets.retention.run_records
import assets.retention.topic_check

MODULES: dict[str, tuple[ModuleType, ...]] = {
    "images": (assets.catalog.assets, assets.catalog.checks),
    "retention": (
        assets.retention.assets,
        assets.retention.checks,
        assets.retention.topic_check,
        assets.retention.run_records,
    ),
    "analytics": (assets.analytics.dbt,),
    "access": (assets.access.checks,),
}
