"""Runs of a job: which are in flight, whether one has succeeded, when the last was requested."""

from datetime import datetime

import dagster as dg

_IN_FLIGHT = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def runs_in_flight(instance: dg.DagsterInstance, job_name: str) -> list[dg.DagsterRun]:
    """Returns the job's runs that are queued, starting, running or being cancelled."""
    return list(instance.get_runs(dg.RunsFilter(job_name=job_name, statuses=_IN_FLIGHT)))


def has_succeeded(instance: dg.DagsterInstance, job_name: str) -> bool:
    """Whether any run of the job has succeeded."""
    succeeded = dg.RunsFilter(job_name=job_name, statuses=[dg.DagsterRunStatus.SUCCESS])
    return instance.get_runs_count(succeeded) > 0


def last_requested_at(instance: dg.DagsterInstance, job_name: str) -> datetime | None:
    """Returns when the job's latest run was requested; None if none was."""
    records = instance.get_run_records(dg.RunsFilter(job_name=job_name), limit=1)
    return records[0].create_timestamp if records else None
