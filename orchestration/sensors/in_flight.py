"""Which runs are in flight: asked for, queued, starting or running."""

from __future__ import annotations

import dagster as dg

_IN_FLIGHT = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def runs_in_flight(instance: dg.DagsterInstance, job_name: str) -> list[dg.DagsterRun]:
    """Returns the job's runs that have not ended."""
    return list(instance.get_runs(dg.RunsFilter(job_name=job_name, statuses=_IN_FLIGHT)))
