"""Dagster in the embedded stack: `dagster dev` on the workspace, storage in PostgreSQL."""

import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from string import Template

import psutil

from assets.settings import Settings
from infra.local.dagster_api import has_loaded_code
from infra.local.server import Server
from infra.local.state import StateFolder
from infra.programs import run_program

PROJECT = Path(__file__).parents[2]


def dagster_server(
    state: StateFolder, port: int, env: Mapping[str, str], needs: Sequence[Server] = ()
) -> Server:
    """Describes `dagster dev`: web server, daemon and code server in one process group."""
    return Server(
        name="dagster",
        title="Dagster",
        argv=(
            sys.executable,
            *("-m", "dagster", "dev"),
            *("--workspace", str(PROJECT / "workspace.yaml")),
            *("--host", "127.0.0.1", "--port", str(port)),
        ),
        port=port,
        port_variable="DAGSTER_PORT",
        is_ready=lambda: has_loaded_code(port),
        state=state,
        env=env,
        stop_signal=signal.SIGINT,
        needs=needs,
        start_seconds=120,
    )


def prepare_dagster_home(state: StateFolder, env: Mapping[str, str]) -> None:
    """Writes the instance settings into DAGSTER_HOME and ends runs that a stop interrupted."""
    settings = state.path("dagster", "dagster.yaml")
    is_first_start = not settings.exists()
    settings.write_text(instance_settings(Settings.of(env).processing_runs))
    if is_first_start:
        return
    command = [sys.executable, "-m", "infra.local.interrupted_runs"]
    run_program(command, "Dagster's run storage could not be read", env=env)


def is_code_server_missing(dagster: Server) -> bool:
    """Whether Dagster runs without the process that has loaded the code.

    `dagster dev` restarts the proxy of that process, and never the process itself.
    """
    process = dagster.process()
    if process is None:
        return False
    try:
        for child in process.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if {"api", "grpc"} <= set(child.cmdline()):
                    return False
    except psutil.NoSuchProcess:
        return False
    return True


_INSTANCE = Path(__file__).parents[1] / "dagster" / "dagster.yaml"
_OTHER_RUNS = 4


def instance_settings(processing_runs: int) -> str:
    """Returns the text of `dagster.yaml` for a number of concurrent processing runs."""
    return Template(_INSTANCE.read_text()).substitute(
        processing_runs=processing_runs, max_concurrent_runs=processing_runs + _OTHER_RUNS
    )
