"""Launches runs as processes of this machine, each with the secrets of its job's family only.

Dagster's own launcher has the code server start them, with the environment of the code server. Here
the daemon has them forked by a server of its own; a stopped daemon ends its runs.
"""

import json
from multiprocessing import get_context
from pathlib import Path

import dagster as dg
import psutil
from dagster._core.definitions.assets.job.asset_job import is_reserved_asset_job_name
from dagster._core.launcher import CheckRunHealthResult, LaunchRunContext, WorkerStatus
from dagster._core.workspace.context import BaseWorkspaceRequestContext
from dagster._grpc.types import ExecuteRunArgs
from dagster._serdes import serialize_value

from assets.errors import DarkroomError
from assets.job_families import FAMILY
from infra.dagster.run_process import execute_run
from infra.local.dagster import DEFINITIONS
from infra.local.environments import environment_file

PROCESS = "darkroom/process"
"""Tag of a run with the pid of its process and the time at which that was created."""

_forks = get_context("forkserver")
_forks.set_forkserver_preload(
    [execute_run.__module__, DEFINITIONS, "dagster_postgres", "dagster_aws.s3"]
)


class LaunchError(DarkroomError):
    """A run cannot be started."""


class FamilyRunLauncher(dg.DefaultRunLauncher):
    """Starts a process for each run, and knows it by its pid and the time of its creation."""

    def launch_run(self, context: LaunchRunContext) -> None:
        """Starts the process of a run.

        Raises `LaunchError` when no family is known, or its environment is missing.
        """
        run, origin = context.dagster_run, context.job_code_origin
        if context.workspace is None or origin is None:
            raise LaunchError("A run can be launched from a code location only.")
        environment = self._environment(find_families(run, context.workspace))
        arguments = serialize_value(ExecuteRunArgs(origin, run.run_id, instance_ref=None))
        process = _forks.Process(target=execute_run, args=(arguments, environment), daemon=True)
        process.start()
        created = psutil.Process(process.pid).create_time()
        self._instance.add_run_tags(run.run_id, {PROCESS: f"{process.pid} {created}"})

    def terminate(self, run_id: str) -> bool:
        """Asks a run's process to end; returns whether there was one."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.report_run_canceling(run)
        process = _process(run)
        if process is not None:
            process.terminate()
        return process is not None

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Whether run monitoring may ask: it may."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Returns whether the process that was started for a run still runs."""
        if PROCESS not in run.tags:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "Its process is just being started.")
        if _process(run) is None:
            pid, _, _ = run.tags[PROCESS].partition(" ")
            return CheckRunHealthResult(WorkerStatus.NOT_FOUND, f"Process {pid} is gone.")
        return CheckRunHealthResult(WorkerStatus.RUNNING)

    def _environment(self, families: list[str]) -> dict[str, str]:
        environment: dict[str, str] = {}
        for family in families:
            file = environment_file(Path(self._instance.root_directory), family)
            try:
                environment |= json.loads(file.read_text())
            except FileNotFoundError as error:
                raise LaunchError(
                    f"{file} is missing; `darkroom down`, then `darkroom up` writes it."
                ) from error
        return environment


def find_families(run: dg.DagsterRun, workspace: BaseWorkspaceRequestContext) -> list[str]:
    """Returns the families whose secrets a run needs, in alphabetical order.

    They are tags of its job, as the code defines it: the caller who launches a run chooses its own
    tags. A run that somebody starts of assets instead of a job needs those of their jobs.

    Raises `LaunchError` when there is none.
    """
    if run.remote_job_origin is None:
        raise LaunchError("A run can be launched from a code location only.")
    origin = run.remote_job_origin.repository_origin
    location = workspace.get_code_location(origin.code_location_origin.location_name)
    repository = location.get_repository(origin.repository_name)
    names = {run.job_name}
    if is_reserved_asset_job_name(run.job_name):
        keys = {*(run.asset_selection or ())}
        keys |= {check.asset_key for check in run.asset_check_selection or ()}
        names = {name for key in keys for name in repository.asset_graph.get(key).job_names}
    tags = [repository.get_full_job(name).tags for name in names]
    families = sorted({tag[FAMILY] for tag in tags if FAMILY in tag})
    if not families:
        raise LaunchError(f"{run.job_name} belongs to no family; tag it {FAMILY}.")
    return families


def _process(run: dg.DagsterRun) -> psutil.Process | None:
    """Returns the process of a run while it works; a later one of the same pid is another."""
    try:
        pid, _, created = run.tags[PROCESS].partition(" ")
        process = psutil.Process(int(pid))
        is_same = process.create_time() == float(created)
        return process if is_same and process.status() != psutil.STATUS_ZOMBIE else None
    except (KeyError, psutil.NoSuchProcess):
        return None
