"""Schedules: what runs by the clock, in UTC. On by default; each can be switched off in the UI."""

from __future__ import annotations

import dagster as dg

from orchestration.jobs import (
    build_views,
    check_access,
    check_images,
    check_retention,
    check_sales,
    enforce_retention,
)

_RUNNING = dg.DefaultScheduleStatus.RUNNING

SCHEDULES = [
    dg.ScheduleDefinition(
        name="enforce_retention_hourly",
        job=enforce_retention,
        cron_schedule="7 * * * *",
        default_status=_RUNNING,
    ),
    dg.ScheduleDefinition(
        name="check_retention_hourly",
        job=check_retention,
        cron_schedule="37 * * * *",
        default_status=_RUNNING,
    ),
    dg.ScheduleDefinition(
        name="build_views_hourly",
        job=build_views,
        cron_schedule="23 * * * *",
        default_status=_RUNNING,
    ),
    dg.ScheduleDefinition(
        name="check_images_every_quarter_hour",
        job=check_images,
        cron_schedule="*/15 * * * *",
        default_status=_RUNNING,
    ),
    dg.ScheduleDefinition(
        name="check_sales_daily",
        job=check_sales,
        cron_schedule="11 4 * * *",
        default_status=_RUNNING,
    ),
    dg.ScheduleDefinition(
        name="check_access_daily",
        job=check_access,
        cron_schedule="41 4 * * *",
        default_status=_RUNNING,
    ),
]
