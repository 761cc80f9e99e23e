"""One server of the stack, tried on a tiny real process: start, readiness, end, plain sentences."""

import os
import signal
import socket
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from assets.errors import StackError
from infra.local.server import Health, Server, accepts_connections, check_ports
from tests.unit.tiny_server import LISTEN, WAIT, MakeServer
from tests.waiting import wait_until

STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
LEAVE_A_THREAD = (
    "import ctypes, threading; threading.Thread(target=time.sleep, args=(60,)).start(); "
    "time.sleep(0.5); ctypes.CDLL(None).pthread_exit(None)"
)
WITH_CHILD = (
    "import subprocess; child = subprocess.Popen([sys.executable, '-S', '-c', 'import time; "
    "time.sleep(60)']); print(child.pid, flush=True); "
)


def kill(server: Server) -> None:
    process = server.process()
    assert process is not None
    process.kill()
    psutil.wait_procs([process], timeout=5)


def has_ended(process: psutil.Process | None) -> bool:
    """Whether a process does no work any more; this test, its parent, may not have reaped it."""
    assert process is not None
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def failure_of(server: Server) -> str:
    with pytest.raises(StackError) as failed:
        server.start()
    return str(failed.value)


def test_a_server_never_started_is_stopped(tiny: MakeServer) -> None:
    assert (tiny().health(), tiny().process()) == (Health.STOPPED, None)


def test_a_started_server_answers_when_start_returns(tiny: MakeServer) -> None:
    server = tiny()
    server.start()
    assert accepts_connections(server.port)
    assert server.health() is Health.RUNNING


def test_another_command_sees_the_server_that_this_one_started(tiny: MakeServer) -> None:
    tiny().start()
    assert tiny().health() is Health.RUNNING


def test_a_server_that_runs_is_not_started_again(tiny: MakeServer) -> None:
    server = tiny()
    server.start()
    first = server.process()
    server.start()
    assert server.process() == first


def test_a_stopped_server_is_gone_and_stopped(tiny: MakeServer) -> None:
    server = tiny()
    server.start()
    server.stop()
    assert not accepts_connections(server.port)
    assert server.health() is Health.STOPPED


def test_stopping_what_does_not_run_is_no_error(tiny: MakeServer) -> None:
    tiny().stop()
    assert tiny().health() is Health.STOPPED


def test_a_server_that_was_killed_is_told_from_one_that_was_stopped(tiny: MakeServer) -> None:
    server = tiny()
    server.start()
    kill(server)
    assert server.health() is Health.KILLED


def test_a_killed_server_starts_again(tiny: MakeServer) -> None:
    server = tiny()
    server.start()
    kill(server)
    server.start()
    assert server.health() is Health.RUNNING


def test_a_server_that_does_not_listen_to_reason_is_ended(tiny: MakeServer) -> None:
    server = tiny(STUBBORN + LISTEN + WAIT, stop_seconds=0.2, orphan_seconds=0.2)
    server.start()
    process = server.process()
    server.stop()
    assert has_ended(process)


def test_a_server_runs_until_its_last_thread_has_ended(tiny: MakeServer) -> None:
    server = tiny(LISTEN + LEAVE_A_THREAD)
    server.start()
    process = server.process()
    assert process is not None
    wait_until(lambda: process.status() == psutil.STATUS_ZOMBIE, "the first thread to end")
    assert server.health() is Health.RUNNING
    server.stop()
    assert not accepts_connections(server.port)


def test_what_a_killed_server_leaves_behind_is_ended_with_it(tiny: MakeServer) -> None:
    server = tiny("import sys; " + WITH_CHILD + LISTEN + WAIT)
    server.start()
    child = psutil.Process(int(server.log.read_text()))
    kill(server)
    server.stop()
    assert has_ended(child)


def test_a_port_in_use_is_told_with_its_owner_and_the_way_out(tiny: MakeServer) -> None:
    server = tiny()
    with socket.create_server(("127.0.0.1", server.port)):
        sentence = failure_of(server)
    assert sentence == (
        f"Port {server.port}, wanted for Tiny, is in use by pid {os.getpid()}; "
        "end that program, or choose another port with TINY_PORT=…"
    )


def test_ports_are_checked_of_all_servers_before_one_starts(tiny: MakeServer) -> None:
    first = tiny()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken = replace(first, name="second", ports={"TINY_PORT": listener.getsockname()[1]})
        with pytest.raises(StackError, match=r"is in use .*TINY_PORT="):
            check_ports([first, taken])


def test_the_port_of_a_server_that_runs_is_its_own(tiny: MakeServer) -> None:
    server = tiny()
    server.start()
    check_ports([server])


def test_a_further_port_in_use_is_told_with_its_own_variable(tiny: MakeServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        free = tiny().ports
        server = tiny(ports={**free, "OTHER_PORT": listener.getsockname()[1]})
        with pytest.raises(StackError, match="OTHER_PORT="):
            check_ports([server])


def test_two_servers_with_one_port_are_told_by_their_variables(tiny: MakeServer) -> None:
    first = tiny()
    second = replace(first, name="second", ports={"SECOND_PORT": first.port})
    with pytest.raises(StackError, match="TINY_PORT and SECOND_PORT are both"):
        check_ports([first, second])


def test_a_server_whose_port_is_in_use_counts_as_stopped(tiny: MakeServer) -> None:
    server = tiny()
    with socket.create_server(("127.0.0.1", server.port)):
        failure_of(server)
    assert server.health() is Health.STOPPED


def test_a_server_that_dies_at_its_start_is_told_with_its_last_words(tiny: MakeServer) -> None:
    server = tiny("import sys; print('first'); print('no space left on device'); sys.exit(3)")
    sentence = failure_of(server)
    assert sentence == (
        "Tiny ended while starting (exit code 3); it said: “no space left on device” "
        f"(whole log: {server.log})."
    )


def test_a_server_that_dies_without_a_word_is_told_too(tiny: MakeServer) -> None:
    assert "it said: “nothing”" in failure_of(tiny("import sys; sys.exit(1)"))


def test_a_server_that_does_not_answer_in_time_is_told_with_the_way_out(tiny: MakeServer) -> None:
    server = tiny("import time; time.sleep(60)", start_seconds=0.2)
    sentence = failure_of(server)
    assert f"Tiny did not answer on port {server.port} within 0 s" in sentence
    assert "`darkroom down` and `darkroom up`" in sentence


def test_a_server_is_not_waited_for_when_another_that_it_needs_has_died(tiny: MakeServer) -> None:
    needed = tiny()
    needed.start()
    kill(needed)
    waiting = replace(
        tiny("import time; time.sleep(60)", start_seconds=60), name="waiting", needs=(needed,)
    )
    assert failure_of(waiting) == f"{waiting.title} cannot start: {needed.title} ended meanwhile."
    waiting.stop()


def test_a_server_that_ends_while_another_command_waits_for_it_is_told(tiny: MakeServer) -> None:
    ending = tiny("import time; time.sleep(1)", is_ready=lambda: True)
    ending.start()
    waiting = replace(ending, is_ready=lambda: False, start_seconds=60.0)
    assert "ended while it was waited for" in failure_of(waiting)


def test_a_program_that_is_not_there_is_told_in_a_sentence(tiny: MakeServer) -> None:
    assert "Tiny" in failure_of(tiny(argv=("/no/such/program",)))


def test_a_server_shows_nothing_of_its_environment(tiny: MakeServer) -> None:
    assert "hunter2" not in repr(tiny(env={"PASSWORD": "hunter2"}))


def test_a_server_gets_its_variables(tiny: MakeServer) -> None:
    program = "import os; print(os.environ['GREETING'], flush=True); " + LISTEN + WAIT
    server = tiny(program, env={"GREETING": "hello"})
    server.start()
    assert server.log.read_text() == "hello\n"


def test_a_server_inherits_where_things_are_and_nothing_else(
    tiny: MakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LC_TIME", "DATABASE_URL", "SECRET"):
        monkeypatch.setenv(name, "C")
    monkeypatch.setenv("LANG", "")
    program = "import os; print(*sorted(os.environ), flush=True); " + LISTEN + WAIT
    server = tiny(program, env={"GREETING": "hello"})
    server.start()
    found = set(server.log.read_text().split())
    assert {"GREETING", "LC_TIME", "PATH"} <= found
    assert found.isdisjoint({"DATABASE_URL", "LANG", "SECRET"})


def test_the_log_of_a_server_is_for_its_owner_only(tiny: MakeServer) -> None:
    server = tiny()
    server.log.write_text("by an earlier version\n")
    server.log.chmod(0o644)
    server.start()
    assert server.log.stat().st_mode & 0o777 == 0o600


def test_what_a_server_writes_is_for_its_owner_only(tiny: MakeServer, tmp_path: Path) -> None:
    program = "open(sys.argv[2], 'w').close(); "
    file = tmp_path / "written"
    argv = (*tiny("import sys; " + program + LISTEN + WAIT).argv, str(file))
    tiny(argv=argv).start()
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_server_is_asked_to_end_by_its_own_signal(tiny: MakeServer) -> None:
    program = (
        "import signal; signal.signal(signal.SIGINT, lambda *_: (print('asked', flush=True), "
        "sys.exit())); " + LISTEN + WAIT
    )
    server = tiny(program, stop_signal=signal.SIGINT)
    server.start()
    server.stop()
    assert server.log.read_text() == "asked\n"
