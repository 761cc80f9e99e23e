"""Dagster's own record of runs: how many there were, and how long they took to start."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import click
import psycopg

IMAGE_JOBS = ("land_messages", "register_objects", "process_images")

_STARTED = """
    select
        pipeline_name,
        count(*),
        coalesce(max(start_time - extract(epoch from create_timestamp at time zone 'UTC')), 0)
    from runs
    where create_timestamp >= to_timestamp(%s) at time zone 'UTC'
    group by pipeline_name
    order by pipeline_name
"""
_IN_FLIGHT = """
    select count(*)
    from runs
    where pipeline_name = any(%s) and status not in ('SUCCESS', 'FAILURE', 'CANCELED')
"""
_SUCCEEDED = "select count(*) from runs where pipeline_name = %s and status = 'SUCCESS'"


@dataclass(frozen=True)
class JobRuns:
    """Runs of one job; the slowest took so many seconds from being asked for to its first step."""

    job: str
    runs: int
    slowest_start_seconds: float


def runs_since(conninfo: str, moment: float) -> list[JobRuns]:
    """Returns the runs that were asked for since a moment, in seconds since 1970 (UTC), by job."""
    with psycopg.connect(conninfo) as connection:
        rows = connection.execute(_STARTED, [moment]).fetchall()
    return [JobRuns(str(job), int(runs), float(seconds)) for job, runs, seconds in rows]


def wait_for_success(conninfo: str, job: str, seconds: float) -> None:
    """Waits until a run of a job has succeeded.

    Raises:
        click.ClickException: none has after as many seconds.
    """
    deadline = time.monotonic() + seconds
    with psycopg.connect(conninfo, autocommit=True) as connection:
        while connection.execute(_SUCCEEDED, [job]).fetchone() == (0,):
            if time.monotonic() > deadline:
                raise click.ClickException(f"No run of {job} succeeded in {seconds:.0f} seconds.")
            time.sleep(1)


def wait_until_idle(conninfo: str, jobs: Sequence[str], seconds: float) -> None:
    """Waits until no run of these jobs is in flight.

    Raises:
        click.ClickException: some still are after as many seconds.
    """
    deadline = time.monotonic() + seconds
    with psycopg.connect(conninfo, autocommit=True) as connection:
        while connection.execute(_IN_FLIGHT, [list(jobs)]).fetchone() != (0,):
            if time.monotonic() > deadline:
                raise click.ClickException(
                    f"Runs of {', '.join(jobs)} are still in flight after {seconds:.0f} seconds."
                )
            time.sleep(1)
