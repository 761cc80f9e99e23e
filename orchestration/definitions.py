"""The code location: assembles assets, jobs, schedules, sensors and resources, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from assets.registry import MODULES
from orchestration.erase import erase_images
from orchestration.jobs import JOBS
from orchestration.replay import replay_messages
from orchestration.resources import RESOURCES
from orchestration.schedules import SCHEDULES
from orchestration.sensors.erasures import forget_erasure_runs
from orchestration.sensors.image_backlog import image_backlog
from orchestration.sensors.kafka_images import kafka_images
from orchestration.sensors.raw_bucket import raw_bucket
from orchestration.sensors.run_failures import release_claims_of_failed_runs
from orchestration.sensors.sales_changes import sales_changes

SENSORS = [
    kafka_images,
    raw_bucket,
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
    return dg.Definitions(
        assets=dg.load_assets_from_modules(MODULES, include_specs=True),
        asset_checks=dg.load_asset_checks_from_modules(MODULES),
        jobs=[*JOBS, replay_messages, erase_images],
        schedules=SCHEDULES,
        sensors=SENSORS,
        resources={**RESOURCES, **(overrides or {})},
    )


defs = build_defs()
