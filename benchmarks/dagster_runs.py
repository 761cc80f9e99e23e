"""Dagster's own record of runs: how many there were, and how long they took to start."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from assets.resources.warehouse import Parameters, Query, read_rows, read_value
from infra.report import MeasurementError

IMAGE_JOBS = ("land_messages", "register_objects", "process_images")

_STARTED = """
    select
        pipeline_name as job,
        count(*) as runs,
        coalesce(
            max(start_time - extract(epoch from create_timestamp at time zone 'UTC')), 0
        )::float8 as slowest_start_seconds
    from runs
    where create_timestamp >= to_timestamp(%s) at time zone 'UTC'
    group by pipeline_name
    order by pipeline_name
"""
_IS_IDLE = """
    select not exists (
        select from runs
        where pipeline_name = any(%s) and status not in ('SUCCESS', 'FAILURE', 'CANCELED')
    )
"""
_HAS_SUCCEEDED = """
    select exists (select from runs where pipeline_name = %s and status = 'SUCCESS')
"""


@dataclass(frozen=True)
class JobRuns:
    """Runs of one job, and the longest time in seconds from a request to the first step."""

    job: str
    runs: int
    slowest_start_seconds: float


def runs_since(conninfo: str, moment: float) -> list[JobRuns]:
    """Returns the runs requested since a moment, in seconds since 1970 (UTC), by job."""
    with psycopg.connect(conninfo) as connection:
        return read_rows(connection, JobRuns, _STARTED, [moment])


def wait_for_success(conninfo: str, job: str, seconds: float) -> None:
    """Waits until a run of a job has succeeded.

    Raises `MeasurementError` when none has after as many seconds.
    """
    problem = f"No run of {job} succeeded"
    _wait_until(conninfo, _HAS_SUCCEEDED, [job], seconds, problem)


def wait_until_idle(conninfo: str, jobs: Sequence[str], seconds: float) -> None:
    """Waits until no run of these jobs is in flight.

    Raises `MeasurementError` when some still are after as many seconds.
    """
    problem = f"Runs of {', '.join(jobs)} did not end"
    _wait_until(conninfo, _IS_IDLE, [list(jobs)], seconds, problem)


def _wait_until(
    conninfo: str, condition: Query, parameters: Parameters, seconds: float, problem: str
) -> None:
    deadline = time.monotonic() + seconds
    with psycopg.connect(conninfo, autocommit=True) as connection:
        while not read_value(connection, condition, parameters):
            if time.monotonic() > deadline:
                raise MeasurementError(f"{problem} in {seconds:.0f} seconds.")
            time.sleep(1)
