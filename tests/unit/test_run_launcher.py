"""Whether a run's process is still there, asked by Dagster's run monitoring."""

import subprocess
import sys
from collections.abc import Iterator

import dagster as dg
import psutil
import pytest
from dagster._core.events import EngineEventData
from dagster._core.launcher import WorkerStatus

from infra.dagster.launcher import MonitoredRunLauncher


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def launcher(instance: dg.DagsterInstance) -> MonitoredRunLauncher:
    made = MonitoredRunLauncher()
    made.register_instance(instance)
    return made


@pytest.fixture
def run(instance: dg.DagsterInstance) -> dg.DagsterRun:
    @dg.job
    def nothing() -> None:
        """Has no ops."""

    return instance.create_run_for_job(nothing)


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"]) as made:
        yield made
        made.kill()


def tell_process(instance: dg.DagsterInstance, run: dg.DagsterRun, pid: int) -> None:
    """Reports what Dagster reports when a run's process begins."""
    data = EngineEventData.in_process(pid)
    instance.report_engine_event(f"Started process for run (pid: {pid}).", run, data)


def test_run_monitoring_may_ask(launcher):
    assert launcher.supports_check_run_worker_health


def test_a_run_whose_process_lives_is_running(launcher, instance, run, process):
    tell_process(instance, run, process.pid)
    assert launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING


def test_a_run_whose_process_was_killed_is_gone(launcher, instance, run, process):
    tell_process(instance, run, process.pid)
    process.kill()
    process.wait()
    assert launcher.check_run_worker_health(run).status is WorkerStatus.NOT_FOUND


def test_a_killed_process_that_nobody_has_asked_about_is_gone_too(launcher, instance, run, process):
    tell_process(instance, run, process.pid)
    process.kill()
    zombie = psutil.Process(process.pid)
    while zombie.status() != psutil.STATUS_ZOMBIE:
        pass
    assert launcher.check_run_worker_health(run).status is WorkerStatus.NOT_FOUND


def test_a_later_process_of_the_same_number_is_another(launcher, instance, run, process):
    tell_process(instance, run, process.pid)
    [told] = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
    assert told.timestamp >= psutil.Process(process.pid).create_time() - 2
    long_ago = told._replace(timestamp=told.timestamp - 3600)
    instance.wipe()
    instance.event_log_storage.store_event(long_ago)
    assert launcher.check_run_worker_health(run).status is WorkerStatus.NOT_FOUND


def test_a_run_that_has_not_told_its_process_counts_as_running(launcher, run):
    assert launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING
