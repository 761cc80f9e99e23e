"""The processes of runs: what they are started with, whether they still run, how they are ended."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace

import dagster as dg
import psutil
import pytest
from dagster._core.launcher import WorkerStatus

from infra.dagster.launcher import PROCESS, FamilyRunLauncher, LaunchError


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def launcher(instance: dg.DagsterInstance) -> FamilyRunLauncher:
    made = FamilyRunLauncher()
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


def record(instance: dg.DagsterInstance, run: dg.DagsterRun, pid: int, age: float = 0):
    """Records a process as the launcher does; returns the run with it."""
    created = psutil.Process(pid).create_time() - age
    instance.add_run_tags(run.run_id, {PROCESS: f"{pid} {created}"})
    return instance.get_run_by_id(run.run_id)


def test_run_monitoring_may_ask(launcher):
    assert launcher.supports_check_run_worker_health


def test_a_run_whose_process_lives_is_running(launcher, instance, run, process):
    run = record(instance, run, process.pid)
    assert launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING


def test_a_run_whose_process_was_killed_is_gone(launcher, instance, run, process):
    run = record(instance, run, process.pid)
    process.kill()
    process.wait()
    assert launcher.check_run_worker_health(run).status is WorkerStatus.NOT_FOUND


def test_a_killed_process_that_nobody_has_asked_about_is_gone_too(launcher, instance, run, process):
    run = record(instance, run, process.pid)
    process.kill()
    zombie = psutil.Process(process.pid)
    while zombie.status() != psutil.STATUS_ZOMBIE:
        pass
    assert launcher.check_run_worker_health(run).status is WorkerStatus.NOT_FOUND


def test_a_later_process_of_the_same_number_is_another(launcher, instance, run, process):
    run = record(instance, run, process.pid, age=3600)
    assert launcher.check_run_worker_health(run).status is WorkerStatus.NOT_FOUND
    assert not launcher.terminate(run.run_id)
    assert process.poll() is None


def test_a_run_without_a_process_yet_counts_as_running(launcher, run):
    assert launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING


def test_a_run_is_ended_by_asking_its_process(launcher, instance, run, process):
    record(instance, run, process.pid)
    assert launcher.terminate(run.run_id)
    assert process.wait(timeout=10) == -signal.SIGTERM
    assert instance.get_run_by_id(run.run_id).status is dg.DagsterRunStatus.CANCELING


def test_a_run_that_has_ended_is_not_asked(launcher, instance, run, process):
    record(instance, run, process.pid)
    instance.report_run_canceled(run)
    assert not launcher.terminate(run.run_id)
    assert process.poll() is None


def test_a_run_outside_a_code_location_is_refused(launcher, run):
    context = SimpleNamespace(dagster_run=run, job_code_origin=None, workspace=None)
    with pytest.raises(LaunchError, match="from a code location only"):
        launcher.launch_run(context)
