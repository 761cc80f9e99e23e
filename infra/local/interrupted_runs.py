"""Settles runs whose processes ended with the last Dagster; run it while none runs.

A program of its own, so that starting and stopping the stack need not import Dagster.
"""

from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

_LIVE = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]


def close_interrupted_runs() -> int:
    """Fails those that had begun, cancels the others; returns how many there were."""
    with DagsterInstance.get() as instance:
        interrupted = instance.get_runs(RunsFilter(statuses=_LIVE))
        for run in interrupted:
            if run.status is DagsterRunStatus.STARTED:
                instance.report_run_failed(run, "The platform stopped during this run.")
            else:
                instance.report_run_canceled(run, "The platform stopped before this run began.")
    return len(interrupted)


if __name__ == "__main__":
    close_interrupted_runs()
