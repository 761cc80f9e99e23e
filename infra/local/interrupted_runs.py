"""Marks runs as failed whose processes ended with the last Dagster; run it while none runs.

A program of its own, so that starting and stopping the stack need not import Dagster.
"""

from __future__ import annotations

from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

_LIVE = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]


def fail_interrupted_runs() -> int:
    """Marks them and returns how many there were."""
    with DagsterInstance.get() as instance:
        interrupted = instance.get_runs(RunsFilter(statuses=_LIVE))
        for run in interrupted:
            instance.report_run_failed(
                run, "Interrupted: the platform was stopped during this run."
            )
    return len(interrupted)


if __name__ == "__main__":
    fail_interrupted_runs()
