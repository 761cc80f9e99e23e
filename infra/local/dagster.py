"""Dagster in the embedded stack: code server, daemon and web server, storage in PostgreSQL."""

import json
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from string import Template

import psutil

from assets.errors import StackError
from assets.settings import Settings
from infra.local.dagster_api import has_loaded_code
from infra.local.environments import (
    CODE_SERVER,
    DAEMON,
    FAMILIES,
    WEB_SERVER,
    environment_file,
    environment_with,
)
from infra.local.server import Server, inherited
from infra.local.state import StateFolder
from infra.programs import run_program

PROJECT = Path(__file__).parents[2]
DEFINITIONS = "orchestration.definitions"
_LONGEST_SOCKET_PATH = 107  # bytes: unix(7)


def code_server(
    state: StateFolder, env: Mapping[str, str], definitions: str = DEFINITIONS
) -> Server:
    """Describes the process that has loaded the code and evaluates sensors.

    A program that connects can execute code, so only the owner can open its socket.

    Raises `StackError` when the state folder's path is too long for that.
    """
    path = _socket(state)
    if len(str(path).encode()) > _LONGEST_SOCKET_PATH:
        raise StackError(f"{path} is too long for a socket; set DARKROOM_STATE to a shorter path.")
    return Server(
        name="code_server",
        title="Dagster code server",
        argv=(
            *(sys.executable, "-m", "dagster", "api", "grpc", "--socket", str(path)),
            *("--module-name", definitions, "--location-name", definitions),
            *("--working-directory", str(PROJECT), "--log-level", "warning"),
        ),
        is_ready=lambda: _accepts(path),
        state=state,
        env=environment_with(CODE_SERVER, env),
        start_seconds=120,
    )


def daemon(state: StateFolder, env: Mapping[str, str], needs: Sequence[Server]) -> Server:
    """Describes the process that ticks schedules and sensors and launches runs."""
    return Server(
        name="daemon",
        title="Dagster daemon",
        argv=(sys.executable, "-m", "dagster._daemon", "run", "-w", str(_workspace(state))),
        is_ready=lambda: True,  # it says so in the storage, which the web server shows
        state=state,
        env=environment_with(DAEMON, env),
        needs=needs,
        stop_seconds=10,  # it waits for its runs, which end by themselves or are killed
    )


def web_server(
    state: StateFolder, port: int, env: Mapping[str, str], needs: Sequence[Server]
) -> Server:
    """Describes the web server, behind its guard."""
    return Server(
        name="web_server",
        title="Dagster web server",
        argv=(sys.executable, "-m", "infra.dagster.web_server", "-w", str(_workspace(state))),
        ports={"DAGSTER_PORT": port},
        is_ready=lambda: has_loaded_code(port),
        state=state,
        env={**environment_with(WEB_SERVER, env), "DAGSTER_PORT": str(port)},
        needs=needs,
        start_seconds=120,
    )


def prepare_dagster_home(
    state: StateFolder, env: Mapping[str, str], definitions: str = DEFINITIONS
) -> None:
    """Writes the instance settings into DAGSTER_HOME and ends runs that a stop interrupted."""
    settings, home = state.path("dagster", "dagster.yaml"), state.path("dagster")
    is_first_start = not settings.exists()
    settings.write_text(instance_settings(Settings.of(env).processing_runs))
    location = {"socket": str(_socket(state)), "location_name": definitions}
    _workspace(state).write_text(json.dumps({"load_from": [{"grpc_server": location}]}))
    for family, secrets in FAMILIES.items():
        file = environment_file(home, family)
        file.parent.mkdir(mode=0o700, exist_ok=True)
        environment = inherited(os.environ) | environment_with(secrets, env)
        state.write_private(file, json.dumps(environment, indent=2))
    if is_first_start:
        return
    command = [sys.executable, "-m", "infra.local.interrupted_runs"]
    environment = inherited(os.environ) | environment_with(DAEMON, env)
    run_program(command, "Dagster's run storage could not be read", env=environment)


def run_processes(daemon: Server) -> list[psutil.Process]:
    """Returns the processes of runs: the children of the process that forks them."""
    process = daemon.process()
    runs = []
    for fork_server in process.children() if process else []:
        with suppress(psutil.NoSuchProcess):
            runs += fork_server.children()
    return runs


def _socket(state: StateFolder) -> Path:
    return state.path("run", "code_server.sock")


def _workspace(state: StateFolder) -> Path:
    return state.path("dagster", "workspace.yaml")


def _accepts(path: Path) -> bool:
    """Whether somebody listens on a socket; the code server does when it has loaded the code."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2)
        return client.connect_ex(str(path)) == 0


_INSTANCE = Path(__file__).parents[1] / "dagster" / "dagster.yaml"
_OTHER_RUNS = 4


def instance_settings(processing_runs: int) -> str:
    """Returns the text of `dagster.yaml` for a number of concurrent processing runs."""
    return Template(_INSTANCE.read_text()).substitute(
        processing_runs=processing_runs, max_concurrent_runs=processing_runs + _OTHER_RUNS
    )
