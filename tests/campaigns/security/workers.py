"""Whether a processor that an image has taken over gets out of its worker process."""

import json
import os
import pickle
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from assets.processing.contract import ProcessedImage
from assets.processing.recipe import read_recipe
from assets.processing.worker_pool import WorkerPool
from assets.validation.reasons import Reason
from infra.local.server import accepts_connections
from tests.campaigns.security.attempt import Attempt, Target
from tests.campaigns.security.hostile_processor import ORDER

_PROCESSOR = "tests.campaigns.security.hostile_processor:obey"


@contextmanager
def _worker() -> Iterator[WorkerPool]:
    with WorkerPool(1, _PROCESSOR, read_recipe("standard")) as pool:
        if not _order(pool, "identify"):
            raise AssertionError("the worker carries out no order")
        yield pool


def _order(pool: WorkerPool, *words: object) -> str:
    """Returns what a worker got; nothing, if it failed."""
    result = pool.process(ORDER + json.dumps(words).encode())
    return str(result.facts.camera_make or "") if isinstance(result, ProcessedImage) else ""


def _obtain(orders: Sequence[Sequence[object]]) -> Iterator[str]:
    with _worker() as pool:
        for order in orders:
            if got := _order(pool, *order):
                yield f"{' '.join(map(str, order))}: {got}"


def _read_files(target: Target) -> Iterator[str]:
    state, me = target.stack.state, os.getpid()
    paths = [state.path("secrets.json"), state.path("env"), Path("/etc/passwd")]
    if not all(path.exists() for path in paths):
        raise AssertionError("the files do not exist")
    memory = (f"/proc/{me}/environ", f"/proc/{me}/mem", f"/proc/{me}/cmdline", "/proc/self/environ")
    programs = [f"/proc/{one.pid}/environ" for one in _processes(target)]
    yield from _obtain([("read", str(path)) for path in (*paths, *memory, *programs)])
    yield from _obtain([("list", "/"), ("list", "/proc"), ("list", str(state.root))])


def _write_files(_: Target) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        for path in (Path(folder), Path(folder, "file")):
            path.touch()
            path.chmod(0o777)
        names = [str(Path(folder, name)) for name in ("file", "another")]
        yield from _obtain([("open_for_writing", name) for name in names])


def _connect(target: Target) -> Iterator[str]:
    servers = (*target.stack.servers, *target.stack.programs)
    ports = [port for one in servers for port in one.ports.values() if accepts_connections(port)]
    if len(ports) < len(target.stack.servers):
        raise AssertionError("not all servers listen")
    name = f"darkroom-attempt-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"\0{name}")
        server.listen()
        yield from _obtain([("connect_to_name", name), *(("connect", port) for port in ports)])


def _reach_processes(target: Target) -> Iterator[str]:
    pids = [os.getpid(), *(one.pid for one in _processes(target))]
    yield from _obtain([("run",), ("regain_root",)])
    yield from _obtain([(what, pid) for pid in pids for what in ("signal", "trace")])


def _run_code_in_the_platform(_: Target) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder, _worker() as pool:
        for number, send in enumerate((_smuggle, _answer_with_pickle, _answer_with_frame)):
            made = Path(folder, str(number))
            send(pool, made)
            if made.exists():
                yield f"code that was sent by{send.__name__.replace('_', ' ')} ran in the platform"


def _smuggle(pool: WorkerPool, made: Path) -> None:
    _order(pool, "smuggle", str(made))


def _answer_with_pickle(pool: WorkerPool, made: Path) -> None:
    _order(pool, "answer", _code(made).hex())


def _answer_with_frame(pool: WorkerPool, made: Path) -> None:
    """Frames the pickle as `multiprocessing` does."""
    code = _code(made)
    _order(pool, "answer", (len(code).to_bytes(4) + code).hex())


def _code(made: Path) -> bytes:
    class Code:
        def __reduce__(self) -> tuple[Callable[..., None], tuple[str]]:
            return os.mkdir, (str(made),)

    return pickle.dumps(Code())


def _forge_outcomes(_: Target) -> Iterator[str]:
    """A processor that is taken over can only spoil images; no answer has more effect."""
    endless = (b"\xff" * 8).hex()
    foreign = b'{"kind":"processed","facts":{},"renditions":[],"processor":"","seconds":{}}'
    with _worker() as pool:
        for answer in (endless, (len(foreign).to_bytes(8) + foreign).hex()):
            result = pool.process(ORDER + json.dumps(["answer", answer]).encode())
            if result not in {Reason.DECODER_DIED, Reason.DECODER_TIMEOUT}:
                yield f"an answer that is none was taken for {result}"


def _processes(target: Target) -> list[psutil.Process]:
    found = [one.process() for one in (*target.stack.servers, *target.stack.programs)]
    return [one for one in found if one is not None]


ATTEMPTS = (
    Attempt("read files and memory of other programs from a worker", _read_files),
    Attempt("write files from a worker", _write_files),
    Attempt("connect to servers from a worker", _connect),
    Attempt("start programs from a worker, or reach running ones", _reach_processes),
    Attempt("run code in the platform from a worker", _run_code_in_the_platform),
    Attempt("have the platform believe what a worker makes up", _forge_outcomes),
)
