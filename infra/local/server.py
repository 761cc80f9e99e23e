"""A server process of the embedded stack: start, wait until ready, stop, and report its health.

A process is identified by its pid and its creation time, so that no other process with a reused pid
is ever signalled.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

import psutil
import requests

from assets.errors import StackError
from infra.local.state import StateFolder

_INHERITED = frozenset(
    {"HOME", "JAVA_HOME", "LANG", "LANGUAGE", "LOGNAME", "PATH", "SSL_CERT_DIR", "SSL_CERT_FILE"}
    | {"TMPDIR", "TZ", "USER"}
)
_OWNER_ONLY = 0o077


class Health(StrEnum):
    """The health of a server, seen from outside."""

    RUNNING = "running"
    STOPPED = "stopped"
    KILLED = "killed"


@dataclass(frozen=True)
class _Record:
    pid: int
    created: float
    is_stopping: bool = False


@dataclass(frozen=True)
class Server:
    """One server program with its own process group, log and process record.

    Args:
        name: Short name, used for its files.
        title: Its name in messages.
        is_ready: Whether it answers; called until it does.
        env: Its environment, beside what says where programs, home and locale are.
        ports: The ports that it listens on, by the variables that move them; its address first.
        stop_signal: The signal that asks it to end cleanly.
        needs: Servers without which it cannot become ready.
        orphan_seconds: How long a child that outlived the server may take to end by itself, such
            as a Dagster run.
    """

    name: str
    title: str
    argv: tuple[str, ...]
    is_ready: Callable[[], bool]
    state: StateFolder
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    ports: Mapping[str, int] = field(default_factory=dict)
    stop_signal: signal.Signals = signal.SIGTERM
    needs: Sequence[Server] = ()
    start_seconds: float = 60.0
    stop_seconds: float = 30.0
    orphan_seconds: float = 10.0

    @property
    def port(self) -> int:
        """The port of its address; only for a server that has one."""
        return next(iter(self.ports.values()))

    @property
    def address(self) -> str:
        """Host and port; empty for a server that listens on no port."""
        return f"127.0.0.1:{self.port}" if self.ports else ""

    @property
    def log(self) -> Path:
        """The file that the server's output is appended to."""
        return self.state.path("logs", f"{self.name}.log")

    @property
    def _record_file(self) -> Path:
        return self.state.path("run", f"{self.name}.json")

    def process(self) -> psutil.Process | None:
        """Returns the running process, or None."""
        record = self._read_record()
        process = _process(record.pid) if record else None
        if record and process and process.create_time() == record.created and _is_alive(process):
            return process
        return None

    def is_recorded(self) -> bool:
        """Whether the server was started and not yet stopped; it may have been killed since."""
        return self._record_file.exists()

    def health(self) -> Health:
        """Returns whether the server runs, was stopped, or ended without being asked to."""
        record = self._read_record()
        if record is None or record.is_stopping:
            return Health.STOPPED
        return Health.RUNNING if self.process() is not None else Health.KILLED

    @property
    def is_running(self) -> bool:
        """Whether the server runs and was not asked to end."""
        return self.health() is Health.RUNNING

    def start(self) -> None:
        """Starts the server unless it runs already, and returns when it answers.

        Raises `StackError` when its port is taken, it ends at once, or does not answer in time.
        """
        popen = None
        if self.process() is None:
            self._kill_orphans()
            check_ports([self])
            popen = self._launch()
            self._write_record(_Record(popen.pid, psutil.Process(popen.pid).create_time()))
        self._wait_until_ready(popen)

    def _launch(self) -> subprocess.Popen[bytes]:
        with self._open_log() as log:
            try:
                return subprocess.Popen(  # noqa: S603 - a server of this package
                    self.argv,
                    env={**inherited(os.environ), **self.env},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    umask=_OWNER_ONLY,
                )
            except OSError as error:
                raise StackError(
                    f"{self.title} cannot be started: {self.argv[0]} ({error.strerror}); "
                    "install the program that is missing, or all of them with `make setup`."
                ) from error

    def _open_log(self) -> BinaryIO:
        """Opens the log, which may quote a request, for its owner only."""
        descriptor = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.fchmod(descriptor, 0o600)  # an earlier version created it for everybody
        return os.fdopen(descriptor, "ab")

    def stop(self) -> None:
        """Asks the server to end, kills it after `stop_seconds`, and deletes its record."""
        record, process = self._read_record(), self.process()
        if record is not None and process is not None:
            self._write_record(replace(record, is_stopping=True))
            process.send_signal(self.stop_signal)
            _wait_until_gone([process], self.stop_seconds)
        self._kill_orphans()
        self._record_file.unlink(missing_ok=True)

    def _read_record(self) -> _Record | None:
        if not self._record_file.exists():
            return None
        try:
            return _Record(**json.loads(self._record_file.read_text()))
        except (ValueError, TypeError):
            self._record_file.unlink(missing_ok=True)  # incomplete: it never named a process
            return None

    def _write_record(self, record: _Record) -> None:
        self.state.write_private(self._record_file, json.dumps(asdict(record)))

    def _kill_orphans(self) -> None:
        record = self._read_record()
        if record is None:
            return
        leader = _process(record.pid)
        if leader and leader.create_time() != record.created:
            return  # Linux reuses no pid while a process group of that number lives
        group = [
            process
            for process in psutil.process_iter(["create_time"])
            if process.info["create_time"] >= record.created and _group(process) == record.pid
        ]
        for number, seconds in (
            (signal.SIGTERM, self.orphan_seconds),
            (signal.SIGKILL, self.stop_seconds),
        ):
            for process in group:
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(number)
            _wait_until_gone(group, seconds)

    def _wait_until_ready(self, popen: subprocess.Popen[bytes] | None) -> None:
        deadline = time.monotonic() + self.start_seconds
        while not self.is_ready():
            if popen is not None and popen.poll() is not None:
                raise StackError(
                    f"{self.title} ended while starting (exit code {popen.returncode}); "
                    f"it said: “{self._last_error_line()}” (whole log: {self.log})."
                )
            if popen is None and self.process() is None:
                raise StackError(f"{self.title} ended while it was waited for; start it again.")
            if gone := [one.title for one in self.needs if one.health() is Health.KILLED]:
                titles = " and ".join(gone)
                raise StackError(f"{self.title} cannot start: {titles} ended meanwhile.")
            if time.monotonic() > deadline:
                where = f" on port {self.port}" if self.ports else ""
                raise StackError(
                    f"{self.title} did not answer{where} within {self.start_seconds:.0f} s; see "
                    f"{self.log}, then `darkroom down` and `darkroom up`."
                )
            time.sleep(0.1)

    def _last_error_line(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        errors = [line for line in lines if "FATAL" in line or "rror" in line]
        return (errors or lines or ["nothing"])[-1][:200]


def inherited(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns the variables that every program gets: where things are, no address and no secret."""
    return {
        name: value
        for name, value in environment.items()
        if value and (name in _INHERITED or name.startswith("LC_"))
    }


def check_ports(servers: Iterable[Server]) -> None:
    """Checks that the ports of servers that do not run are free, and all different.

    Raises `StackError` with the variable that moves a port that is taken.
    """
    listening = {
        connection.laddr.port: connection.pid
        for connection in psutil.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN and connection.laddr
    }
    wanted: dict[int, str] = {}
    for server in servers:
        is_running = server.process() is not None
        for variable, port in server.ports.items():
            if port in listening and not is_running:
                owner = f" by pid {listening[port]}" if listening[port] else ""
                raise StackError(
                    f"Port {port}, wanted for {server.title}, is in use{owner}; "
                    f"end that program, or choose another port with {variable}=…"
                )
            if port in wanted:
                raise StackError(
                    f"{wanted[port]} and {variable} are both {port}; choose two different ports."
                )
            wanted[port] = variable


def _process(pid: int) -> psutil.Process | None:
    try:
        process = psutil.Process(pid)
        process.create_time()  # is remembered
    except psutil.NoSuchProcess:
        return None
    return process


def _is_alive(process: psutil.Process) -> bool:
    """A zombie is dead, unless threads outlive its first one and keep its files and ports open."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE or process.num_threads() > 1
    except psutil.NoSuchProcess:
        return False


def _wait_until_gone(processes: Sequence[psutil.Process], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while any(map(_is_alive, processes)) and time.monotonic() < deadline:
        time.sleep(0.05)


def _group(process: psutil.Process) -> int | None:
    try:
        return os.getpgid(process.pid)
    except ProcessLookupError:
        return None


def answers_http(url: str) -> bool:
    """Whether a server answers HTTP at the address, without a server error."""
    try:
        return requests.get(url, timeout=2).status_code < 500
    except requests.RequestException:
        return False


def accepts_connections(port: int) -> bool:
    """Whether something listens on a port of 127.0.0.1."""
    with socket.socket() as client:
        client.settimeout(2)
        return client.connect_ex(("127.0.0.1", port)) == 0
