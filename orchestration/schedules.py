"""Schedules, in UTC. On by default; each can be switched off in the UI."""

import dagster as dg

from orchestration.jobs import (
    build_views,
    check_access,
    check_images,
    check_retention,
    check_sales,
    enforce_retention,
)

SCHEDULES = [
    dg.ScheduleDefinition(
        name=name,
        job=job,
        cron_schedule=cron,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    for name, job, cron in (
        ("enforce_retention_hourly", enforce_retention, "7 * * * *"),
        ("check_retention_hourly", check_retention, "37 * * * *"),
        ("build_views_hourly", build_views, "23 * * * *"),
        ("check_images_every_quarter_hour", check_images, "*/15 * * * *"),
        ("check_sales_daily", check_sales, "11 4 * * *"),
        ("check_access_daily", check_access, "41 4 * * *"),
    )
]
