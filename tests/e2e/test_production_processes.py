"""The workspace loaded by the web server and by dagster-daemon, as production starts them."""

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from infra.local.dagster import PROJECT, prepare_dagster_home
from infra.local.dbt import parse_dbt_project
from infra.local.ports import free_ports
from infra.local.stack import Stack
from infra.local.state import StateFolder
from tests.waiting import wait_until

HEALTH = """{
    workspaceOrError { ... on Workspace { locationEntries { name loadStatus } } }
    instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } }
}"""


@pytest.fixture
def own_stack(tmp_path):
    made = Stack(StateFolder(tmp_path / "state"), free_ports())
    made.start()
    yield made
    made.stop()


def ask(port: int) -> dict | None:
    with contextlib.suppress(requests.RequestException, ValueError):
        url = f"http://127.0.0.1:{port}/graphql"
        return requests.post(url, json={"query": HEALTH}, timeout=10).json()["data"]
    return None


def test_web_server_and_daemon_run_the_workspace(own_stack, tmp_path):
    port = own_stack.ports.dagster
    env = own_stack.environment() | {"DAGSTER_PORT": str(port)}
    parse_dbt_project(env)
    prepare_dagster_home(own_stack.state, env)
    daemon = Path(sys.executable).with_name("dagster-daemon")
    workspace = ["-w", str(PROJECT / "workspace.yaml")]
    commands = [
        [sys.executable, "-m", "infra.dagster.web_server", *workspace],
        [daemon, "run", *workspace],
    ]
    with contextlib.ExitStack() as running:
        log = running.enter_context((tmp_path / "log").open("wb"))
        for command in commands:
            process = running.enter_context(
                subprocess.Popen(command, env=env, cwd=PROJECT, stdout=log, stderr=log)
            )
            running.callback(process.terminate)

        def is_healthy():
            answer = ask(port)
            if not answer:
                return False
            daemons = answer["instance"]["daemonHealth"]["allDaemonStatuses"]
            locations = answer["workspaceOrError"]["locationEntries"]
            is_loaded = [entry["name"] for entry in locations] == ["orchestration.definitions"]
            return is_loaded and all(d["healthy"] for d in daemons if d["required"])

        wait_until(is_healthy, "web server and daemon to be healthy")
