"""Records of started processes: old or half made, they never make us signal what is not ours."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator

import psutil
import pytest

from assets.errors import StackError
from infra.local.server import Health, Server, accepts_connections
from tests.unit.tiny_server import MakeServer


@pytest.fixture
def stranger() -> Iterator[psutil.Process]:
    """Somebody else's process that leads a group of its own."""
    command = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
    with subprocess.Popen(command, start_new_session=True) as popen:
        yield psutil.Process(popen.pid)
        popen.kill()


def write_record_of_the_day_before(server: Server, process: psutil.Process) -> None:
    """As after a reboot: the record's pid is by now that of another process."""
    record = {"pid": process.pid, "created": process.create_time() - 86_400, "is_stopping": False}
    server.state.path("run", "tiny.json").write_text(json.dumps(record))


def test_a_process_that_got_our_pid_later_is_not_ours(
    tiny: MakeServer, stranger: psutil.Process
) -> None:
    write_record_of_the_day_before(tiny(), stranger)
    assert (tiny().process(), tiny().health()) == (None, Health.KILLED)


@pytest.mark.parametrize("act", [Server.start, Server.stop])
def test_a_process_that_got_our_pid_later_is_left_alone(
    tiny: MakeServer, stranger: psutil.Process, act: Callable[[Server], None]
) -> None:
    write_record_of_the_day_before(tiny(), stranger)
    act(tiny())
    assert stranger.is_running()
    assert stranger.status() != psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("text", ["", "{", "{}", "[]"])
def test_a_half_made_process_record_is_no_stack_trace(tiny: MakeServer, text: str) -> None:
    server = tiny()
    record = server.state.path("run", "tiny.json")
    record.write_text(text)
    try:
        with contextlib.suppress(StackError):
            server.start()
    finally:
        if not accepts_connections(server.port):
            record.unlink(missing_ok=True)
