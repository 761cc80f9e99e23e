"""The whole platform as `darkroom up` starts it, in a folder and on ports of its own."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import pytest
import requests
from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

from assets.resources.object_store import ObjectStore
from infra.local.ports import free_ports
from infra.local.stack import Stack
from infra.local.state import StateFolder


@dataclass(frozen=True)
class Running:
    """A platform that runs, and ways to look into it from outside."""

    stack: Stack
    instance: DagsterInstance

    @property
    def object_store(self) -> ObjectStore:
        return ObjectStore(self.stack.settings())

    def server(self, name: str):
        return next(server for server in self.stack.servers if server.name == name)

    def kill(self, name: str) -> None:
        process = self.server(name).process()
        process.kill()
        psutil.wait_procs([process], timeout=10)

    def query(self, statement: str, *values: object) -> list[tuple]:
        with psycopg.connect(self.stack.environment()["DATABASE_URL"]) as connection:
            return connection.execute(statement, values).fetchall()

    def states(self) -> dict[str, int]:
        return dict(self.query("select state, count(*) from image_catalog.image group by state"))

    def finished(self) -> int:
        states = self.states()
        return states.get("processed", 0) + states.get("rejected", 0)

    def runs(self, job: str, status: DagsterRunStatus) -> list:
        return list(self.instance.get_runs(RunsFilter(job_name=job, statuses=[status])))

    def pid_of(self, run_id: str) -> int | None:
        for event in self.instance.all_logs(run_id):
            if found := re.search(r"Executing steps in process \(pid: (\d+)\)", event.user_message):
                return int(found[1])
        return None

    def failed_ticks(self, sensor: str) -> list[str]:
        """Messages of the sensor's failed ticks, as the UI shows them."""
        query = """
            query Ticks($sensor: SensorSelector!) {
                sensorOrError(sensorSelector: $sensor) {
                    ... on Sensor {
                        sensorState { ticks(limit: 20) { error { causes { message } } } }
                    }
                }
            }
        """
        selector = {
            "repositoryName": "__repository__",
            "repositoryLocationName": "orchestration.definitions",
            "sensorName": sensor,
        }
        answer = requests.post(
            f"http://127.0.0.1:{self.stack.ports.dagster}/graphql",
            json={"query": query, "variables": {"sensor": selector}},
            timeout=20,
        ).json()
        ticks = answer["data"]["sensorOrError"]["sensorState"]["ticks"]
        errors = [tick["error"] for tick in ticks if tick["error"]]
        return [cause["message"] for error in errors for cause in error["causes"]]


def open_instance(stack: Stack) -> DagsterInstance:
    """Opens the platform's own Dagster instance; its settings name variables of the stack."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in stack.environment().items():
            patch.setenv(name, value)
        instance = DagsterInstance.get()
        instance.get_runs(limit=1)
    return instance


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    state = StateFolder(Path(tmp_path_factory.mktemp("platform")))
    stack = Stack(state, free_ports(), outside=dict(os.environ))
    try:
        stack.start()
        stack.start_dagster()
        with open_instance(stack) as instance:
            yield Running(stack, instance)
    finally:
        stack.stop()
