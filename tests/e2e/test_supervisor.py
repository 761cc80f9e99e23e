"""What `darkroom up` does about servers and programs that end without being stopped."""

import socket

import psutil
import pytest

from assets.errors import StackError
from infra.local.server import Health
from infra.local.supervisor import Supervisor
from tests.e2e.test_platform import send
from tests.waiting import wait_until


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(running, said):
    running.stack.start_programs()
    yield Supervisor(running.stack, said.append)
    running.stack.start()


def health(running) -> dict[str, Health]:
    stack = running.stack
    return {server.name: server.health() for server in (*stack.servers, *stack.programs)}


def kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        process.kill()
    psutil.wait_procs(processes, timeout=10)


def test_what_runs_is_left_alone_and_nothing_is_said(running, supervisor, said):
    before = {server.name: server.process() for server in running.stack.servers}
    supervisor.poll()
    assert {server.name: server.process() for server in running.stack.servers} == before
    assert said == []


def test_several_servers_and_programs_killed_at_once_run_again_after_one_look(
    running, supervisor, said
):
    for name in ("object_store", "kafka"):
        running.kill(name)
    kill([running.stack.upload_api.process()])
    supervisor.poll()
    assert set(health(running).values()) == {Health.RUNNING}
    assert "ended unexpectedly" in said[0]
    assert "Started again" in said[-1]


def test_a_start_that_is_disturbed_is_tried_again_at_the_next_look(running, supervisor, said):
    kafka = running.server("kafka")
    running.kill("kafka")
    with socket.create_server(("127.0.0.1", kafka.port)):
        supervisor.poll()
        assert kafka.health() is not Health.RUNNING
        assert f"Port {kafka.port}" in said[-1]
    supervisor.poll()
    assert kafka.health() is Health.RUNNING
    assert supervisor.failures == 0


def test_what_cannot_be_started_is_given_up_with_a_sentence_in_the_end(running, supervisor):
    kafka = running.server("kafka")
    running.kill("kafka")
    supervisor.failures = 14
    with (
        socket.create_server(("127.0.0.1", kafka.port)),
        pytest.raises(StackError, match=r"Kafka .* could not be started again in 15 attempts"),
    ):
        supervisor.poll()


@pytest.mark.parametrize("name", ["code_server", "daemon", "web_server", "edge"])
def test_each_program_is_started_again_alone(running, supervisor, name):
    before = {server.name: server.process() for server in running.stack.programs}
    kill([before[name]])
    supervisor.poll()
    assert set(health(running).values()) == {Health.RUNNING}
    after = {server.name: server.process() for server in running.stack.programs}
    assert {one for one in before if after[one] != before[one]} == {name}


def test_images_are_processed_after_the_code_server_came_back(running, supervisor):
    kill([running.stack.code_server.process()])
    supervisor.poll()
    before = running.finished()
    send(running, "after its code came back", 3)
    wait_until(lambda: running.finished() == before + 6, "images to be processed")
