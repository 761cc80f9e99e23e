"""Whether a program that somebody takes over holds what opens more than its own doors."""

import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import asdict, fields
from pathlib import Path
from typing import Final

import psutil

from infra.local.dagster import run_processes
from infra.local.dagster_api import cancel_runs, launch_job, runs_in_flight
from infra.local.state import ServerPasswords
from tests.campaigns.security.attempt import Attempt, Target

_START_SECONDS: Final = 180
"""A run may have to wait for another of its job."""
_LOADER, _STORAGE = "darkroom_loader", "darkroom_dagster"
_SIGNING, _ERASURES = "upload_signing_key", "erasure_key"
_PROGRAMS: Final = {
    "kafka": {"s3_kafka"},
    "object_store": {one.name for one in fields(ServerPasswords) if one.name.startswith("s3_")},
    "upload_api": {"darkroom_uploader", "s3_upload_api", _SIGNING, _ERASURES},
    "code_server": {_LOADER, _STORAGE, "s3_code_server"},
    "daemon": {_STORAGE},
    "web_server": {_STORAGE, "s3_web_server"},
}
"""What each program needs of the generated secrets; the others need none."""
_RUNS: Final = {
    "check_access": {_LOADER, _STORAGE, "s3_access"},
    "check_images": {_LOADER, _STORAGE, "s3_ingestion", _SIGNING, _ERASURES},
    "check_retention": {_LOADER, _STORAGE, "s3_retention", "s3_archive", _ERASURES},
    "process_images": {_LOADER, _STORAGE, "s3_processing", _ERASURES},
    "check_sales": {"darkroom_builder", _STORAGE, "s3_views"},
}
"""A job of each family, and what its runs need."""


def _secrets_in(environment: dict[str, str], target: Target) -> set[str]:
    """Returns the names of the secrets that a process holds, in whatever variable."""
    text = "\0".join(environment.values())
    secrets: dict[str, str] = asdict(target.stack.state.secrets())
    return {name for name, secret in secrets.items() if secret in text}


def _read_programs(target: Target) -> Iterator[str]:
    for server in (*target.stack.servers, *target.stack.programs):
        process = server.process()
        if process is None:
            raise AssertionError(f"{server.title} does not run")
        needs = _PROGRAMS.get(server.name, set())
        for one in (process, *process.children(recursive=True)):
            if one is not process and server is target.stack.daemon:
                continue  # runs, which the next attempt reads
            held: set[str] = set()
            with suppress(psutil.NoSuchProcess):  # some children are short-lived
                held = _secrets_in(one.environ(), target)
            for name in sorted(held - needs):
                yield f"the {server.title} holds {name}"


def _read_runs(target: Target) -> Iterator[str]:
    secrets: dict[str, str] = asdict(target.stack.state.secrets())
    for job, needs in _RUNS.items():
        found = _found_in_run(target, job, secrets.values())
        held = {name for name, secret in secrets.items() if secret in found}
        if not held:
            raise AssertionError(f"a run of {job} holds nothing at all")
        for name in sorted(held - needs):
            yield f"a run of {job} holds {name}"
    cancel_runs(target.stack.ports.dagster)


def _found_in_run(target: Target, job: str, texts: Collection[str]) -> set[str]:
    """Returns which texts are in the memory of a run of a job, which holds its own id as well."""
    deadline = time.monotonic() + _START_SECONDS
    port = target.stack.ports.dagster
    while time.monotonic() < deadline:
        run_id = launch_job(port, job)
        while run_id in (runs_in_flight(port) or ()):
            for process in run_processes(target.stack.daemon):
                with suppress(psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
                    process.suspend()  # it may end while its memory is read
                    try:
                        if _found_in_memory(process.pid, [run_id]):
                            return _found_in_memory(process.pid, texts)
                    finally:
                        process.resume()
    raise AssertionError(f"no run of {job} was read within {_START_SECONDS} s")


def _found_in_memory(pid: int, texts: Collection[str]) -> set[str]:
    """Returns which texts are in the memory that a process can write to; see proc(5)."""
    found: set[str] = set()
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            addresses, permissions, *_ = line.split()
            if permissions.startswith("rw"):
                start, end = (int(address, 16) for address in addresses.split("-"))
                memory.seek(start)
                with suppress(OSError):  # pages of a device
                    content = memory.read(end - start)
                    found |= {text for text in texts if text.encode() in content}
    return found


def _read_files(target: Target) -> Iterator[str]:
    """Reads as another user would: what the mode of a file or of a folder above it lets through."""
    root = target.stack.state.root
    files = [path for path in root.rglob("*") if path.is_file() or path.is_socket()]
    wanted = [path for path in files if path.parent.name in {"environments", "logs", "run"}]
    if not wanted:
        raise AssertionError(f"{root} holds neither logs nor environments")
    for path in [*wanted, root / "secrets.json", root / "env"]:
        if path.stat().st_mode & 0o077:
            yield f"anybody on this machine can open {path.relative_to(root)}"


ATTEMPTS = (
    Attempt("find another program's secrets in a program's environment", _read_programs),
    Attempt("find another family's secrets in the memory of a run", _read_runs),
    Attempt("read secrets, logs or sockets as another user of the machine", _read_files),
)
