"""Dagster in the embedded stack: `dagster dev` on the workspace, storage in PostgreSQL."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
import requests

from assets.errors import StackError
from assets.settings import Settings
from infra.dagster.instance import instance_settings
from infra.local.server import Server
from infra.local.state import StateFolder

PROJECT = Path(__file__).parents[2]
_LOCATIONS = "{ workspaceOrError { ... on Workspace { locationEntries { loadStatus } } } }"
_IN_FLIGHT = """{
    runsOrError(filter: {statuses: [QUEUED, NOT_STARTED, STARTING, STARTED, CANCELING]}) {
        ... on Runs { results { runId } }
    }
}"""
_TERMINATE = """mutation($runIds: [String!]!) {
    terminateRuns(runIds: $runIds) { __typename }
}"""


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
        is_ready=lambda: _has_loaded_code(port),
        state=state,
        env=env,
        stop_signal=signal.SIGINT,
        needs=needs,
        start_seconds=120,
    )


def prepare_dagster_home(state: StateFolder, env: Mapping[str, str]) -> None:
    """Writes the instance settings into DAGSTER_HOME and settles runs that a stop cut short."""
    settings = state.path("dagster", "dagster.yaml")
    is_first_start = not settings.exists()
    settings.write_text(instance_settings(Settings.of(env).processing_runs))
    if is_first_start:
        return
    command = [sys.executable, "-m", "infra.local.interrupted_runs"]
    done = subprocess.run(command, env=dict(env), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:]
        raise StackError(
            f"Dagster's run storage could not be read: {last}; try `make down`, `make up`."
        )


def cancel_runs(port: int, seconds: float = 15) -> None:
    """Asks every run in flight to end, and waits a while for it: a stop is no failure.

    What they had claimed is given back. A Dagster that does not answer has no runs to ask.
    """
    deadline = time.monotonic() + seconds
    while (run_ids := runs_in_flight(port)) and time.monotonic() < deadline:
        _ask(port, _TERMINATE, {"runIds": run_ids})
        time.sleep(0.5)


def runs_in_flight(port: int) -> list[str] | None:
    """Returns the ids of the runs that have not ended; None when Dagster does not know them."""
    answer = _ask(port, _IN_FLIGHT)
    runs = answer["runsOrError"].get("results") if answer else None
    return None if runs is None else [run["runId"] for run in runs]


def is_code_server_missing(dagster: Server) -> bool:
    """Tells whether Dagster runs without the process that has loaded the code.

    `dagster dev` starts what stands before that process again, and never the process itself.
    """
    process = dagster.process()
    if process is None:
        return False
    try:
        children = process.children(recursive=True)
    except psutil.NoSuchProcess:
        return False
    return not any({"api", "grpc"} <= _words(child) for child in children)


def _words(process: psutil.Process) -> set[str]:
    try:
        return set(process.cmdline())
    except psutil.NoSuchProcess:
        return set()


def _has_loaded_code(port: int) -> bool:
    answer = _ask(port, _LOCATIONS)
    if answer is None:
        return False
    entries = answer["workspaceOrError"].get("locationEntries")  # an error when storage is down
    return bool(entries) and all(entry["loadStatus"] == "LOADED" for entry in entries)


def _ask(port: int, query: str, variables: Mapping[str, object] | None = None) -> Any:
    """Returns what Dagster answers to a GraphQL query, or None when it does not."""
    request = {"query": query, "variables": variables or {}}
    try:
        answer = requests.post(f"http://127.0.0.1:{port}/graphql", json=request, timeout=10)
        return answer.json()["data"]
    except (requests.RequestException, ValueError):
        return None
