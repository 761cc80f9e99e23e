"""Launches runs as processes of this machine, and reports whether their processes still run.

Dagster's own launcher leaves that to the code server, which forgets its runs when it is killed, and
stops monitoring when the database is down at that moment: a dead run then counts as running until
its maximum runtime is over, and no other run of its job can start.
"""

from datetime import timedelta

import psutil
from dagster import DagsterEventType, DagsterRun, DefaultRunLauncher
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus

_CLOCK_TOLERANCE = timedelta(seconds=2)
"""Between a process's start and its first event, which are read from different clocks."""


class MonitoredRunLauncher(DefaultRunLauncher):
    """Dagster's launcher for one machine, with the check that its run monitoring asks for."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Whether run monitoring may ask: it may."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Returns whether the process that reported to execute this run still runs."""
        events = self._instance.all_logs(run.run_id, of_type=DagsterEventType.ENGINE_EVENT)
        for event in events:
            metadata = event.get_dagster_event().engine_event_data.metadata
            if "pid" in metadata:
                pid = int(str(metadata["pid"].value))
                if _is_running(pid, event.timestamp):
                    return CheckRunHealthResult(WorkerStatus.RUNNING)
                return CheckRunHealthResult(WorkerStatus.NOT_FOUND, f"Process {pid} is gone.")
        return CheckRunHealthResult(WorkerStatus.RUNNING, "It has not told its process yet.")


def _is_running(pid: int, seen_at: float) -> bool:
    """Whether a process runs that existed at a time; a later one of the same pid is another."""
    try:
        process = psutil.Process(pid)
        is_same = process.create_time() <= seen_at + _CLOCK_TOLERANCE.total_seconds()
        return is_same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
