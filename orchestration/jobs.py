"""Jobs: which assets run together, how many runs of a kind may run at once, and when.

The jobs of ingestion sources are in `ingestion.py`.
"""

import dagster as dg

from assets import asset_keys
from assets.analytics.dbt import FULL_SCANS, SALES_AGGREGATES
from assets.ingestion.registry import sources
from assets.job_families import FAMILY, JobFamily

ALONE = "darkroom/single_run"
"""Tag: one run at a time among those with the same value (`infra/dagster/dagster.yaml`)."""

_SHARED = "darkroom/shared_run"
_LEDGER_INPUTS = [dg.AssetKey(source.ledger_input) for source in sources() if source.ledger_input]
# A purge may need long after an outage; one that is cut short is continued by the next.
_LONG = {"dagster/max_runtime": str(3 * 3600)}
_IN_FLIGHT = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]

_ACCESS = {FAMILY: JobFamily.ACCESS.value}
_INGESTION = {FAMILY: JobFamily.INGESTION.value}
_PROCESSING = {FAMILY: JobFamily.PROCESSING.value}
_RETENTION = {FAMILY: JobFamily.RETENTION.value}
_VIEWS = {FAMILY: JobFamily.VIEWS.value}

process_images = dg.define_asset_job(
    "process_images",
    selection=dg.AssetSelection.assets(asset_keys.RENDITION_FILES, asset_keys.RENDITION),
    description="Make the renditions of a day's waiting images.",
    tags={_SHARED: "process_images", **_PROCESSING},
)
build_views = dg.define_asset_job(
    "build_views",
    selection=dg.AssetSelection.groups(asset_keys.SALES_GROUP, asset_keys.ANALYTICS_GROUP)
    - FULL_SCANS,
    description="Build the views that analysts query, and bring what they read up to date.",
    tags={ALONE: "build_views", **_VIEWS},
)
refresh_sales = dg.define_asset_job(
    "refresh_sales",
    selection=SALES_AGGREGATES - FULL_SCANS,
    description="Bring what the sales views read up to date, at the cost of what changed.",
    tags={ALONE: "build_views", **_VIEWS},
)
check_sales = dg.define_asset_job(
    "check_sales",
    selection=FULL_SCANS,
    description="Check the sales views and what they are made of, row by row.",
    tags={ALONE: "build_views", **_VIEWS},
)
enforce_retention = dg.define_asset_job(
    "enforce_retention",
    selection=dg.AssetSelection.groups(asset_keys.RETENTION_GROUP).without_checks(),
    description="Purge what has reached its age: images, and Dagster's own run records.",
    tags={ALONE: "enforce_retention", **_RETENTION, **_LONG},
)
# A separate job: Dagster skips the checks of an asset whose run failed.
check_retention = dg.define_asset_job(
    "check_retention",
    selection=dg.AssetSelection.checks_for_assets(asset_keys.PURGE_RECEIPT),
    description="Check that no copy is too old, that rows and objects agree, that receipts hold.",
    tags={ALONE: "check_retention", **_RETENTION, **_LONG},
)
check_images = dg.define_asset_job(
    "check_images",
    selection=dg.AssetSelection.checks_for_assets(asset_keys.IMAGE, *_LEDGER_INPUTS),
    description="Check that every image is accounted for and that none is unknown.",
    tags={ALONE: "check_images", **_INGESTION},
)
check_access = dg.define_asset_job(
    "check_access",
    selection=dg.AssetSelection.checks_for_assets(asset_keys.GRANTS),
    description="Check that every role has what the access file gives it, and nothing else.",
    tags={ALONE: "check_access", **_ACCESS},
)

SCHEDULES = [
    dg.ScheduleDefinition(
        name=name, job=job, cron_schedule=cron, default_status=dg.DefaultScheduleStatus.RUNNING
    )
    for name, job, cron in (  # in UTC
        ("enforce_retention_hourly", enforce_retention, "7 * * * *"),
        ("check_retention_hourly", check_retention, "37 * * * *"),
        ("build_views_hourly", build_views, "23 * * * *"),
        ("check_images_every_quarter_hour", check_images, "*/15 * * * *"),
        ("check_sales_daily", check_sales, "11 4 * * *"),
        ("check_access_daily", check_access, "41 4 * * *"),
    )
]
JOBS = [process_images, refresh_sales, *(schedule.job for schedule in SCHEDULES)]


def runs_in_flight(instance: dg.DagsterInstance, job_name: str) -> list[dg.DagsterRun]:
    """Returns the job's runs that are queued, starting, running or being cancelled."""
    return list(instance.get_runs(dg.RunsFilter(job_name=job_name, statuses=_IN_FLIGHT)))
