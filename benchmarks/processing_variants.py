"""The variants that are compared: each makes two renditions of photographs in memory."""

import importlib.util
import json
import multiprocessing
import shutil
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil

from assets.processing.contract import ProcessedImage
from assets.processing.recipe import read_recipe
from assets.processing.worker_pool import WorkerPool
from benchmarks.bare_loops import Renditions, naive, tuned, vips
from benchmarks.processing_inputs import Inputs
from infra.report import MeasurementError

NAIVE, TUNED, VIPS, SHARP = "naive Pillow", "tuned Pillow", "bare libvips", "sharp"
PROCESSOR, ENGINE = "our processor", "our libvips engine"
"""Ours run in isolated workers; the others are bare loops in as many processes."""

PROCESSES = 2

_PILLOW_PROCESSOR = "assets.processing.processor:process"
_VIPS_PROCESSOR = "assets.processing.vips:process"
_SHARP = Path(__file__).parent / "sharp"
_WARM_UP = 8

Loop = Callable[[bytes], Renditions]


@dataclass(frozen=True)
class Cost:
    """What processing some inputs costs.

    Attributes:
        images_per_second: By wall time, without the start of processes.
        cpu_seconds_per_megapixel: Of all processes together, this one included.
    """

    images_per_second: float
    cpu_seconds_per_megapixel: float


@dataclass
class _Clock:
    """Wall and CPU time of this process and all its descendants."""

    wall: float = 0.0
    cpu: float = 0.0


@contextmanager
def _timed() -> Iterator[_Clock]:
    here = psutil.Process()
    clock, started, used = _Clock(), time.perf_counter(), cpu_seconds(here)
    yield clock
    clock.wall, clock.cpu = time.perf_counter() - started, cpu_seconds(here) - used


def cpu_seconds(process: psutil.Process) -> float:
    """Returns the CPU time of a process and its descendants.

    That of a descendant that has ended is included in its parent's.
    """
    return sum(sum(one.cpu_times()[:4]) for one in (process, *process.children(recursive=True)))


def _cost(clock: _Clock, inputs: Inputs) -> Cost:
    return Cost(inputs.count / clock.wall, clock.cpu / (inputs.count * inputs.megapixels))


_bodies: tuple[bytes, ...] = ()


def _keep(bodies: tuple[bytes, ...]) -> None:
    """Keeps the photographs in a bare loop's process, so that only numbers are sent to it."""
    global _bodies
    _bodies = bodies


def _make(loop: Loop, number: int) -> int:
    return len(loop(_bodies[number % len(_bodies)]).small)


def measure_loop(loop: Loop, inputs: Inputs) -> Cost:
    """Measures a bare loop in processes that keep the inputs and discard their results."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        PROCESSES, mp_context=context, initializer=_keep, initargs=(inputs.bodies,)
    ) as pool:
        make = partial(_make, loop)
        deque(pool.map(make, range(_WARM_UP)), maxlen=0)
        with _timed() as clock:
            deque(pool.map(make, range(inputs.count)), maxlen=0)
    return _cost(clock, inputs)


def measure_workers(processor: str, inputs: Inputs) -> Cost:
    """Measures a processor in the platform's isolated workers; bytes are sent both ways.

    Raises `MeasurementError` when a photograph was rejected.
    """
    with (
        WorkerPool(PROCESSES, processor, read_recipe("standard")) as pool,
        ThreadPoolExecutor(2 * PROCESSES + 1) as threads,
    ):

        def process_all(bodies: Iterable[bytes]) -> None:
            for result in threads.map(pool.process, bodies):
                if not isinstance(result, ProcessedImage):
                    raise MeasurementError(f"A photograph was rejected: {result}.")

        process_all((inputs.bodies * _WARM_UP)[:_WARM_UP])
        with _timed() as clock:
            process_all(inputs.sequence)
    return _cost(clock, inputs)


def measure_sharp(inputs: Inputs) -> Cost:
    """Measures sharp in a Node process, with as many images at once as the others have processes.

    Raises `MeasurementError` when Node failed.
    """
    with tempfile.TemporaryDirectory(prefix="darkroom-sharp-") as folder:
        for number, body in enumerate(inputs.bodies):
            (Path(folder) / f"{number:02d}").write_bytes(body)
        done = subprocess.run(
            [_node(), "loop.js", folder, str(inputs.count), str(PROCESSES)],
            cwd=_SHARP,
            env={"UV_THREADPOOL_SIZE": str(PROCESSES)},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        raise MeasurementError(f"sharp failed: {done.stderr[-2000:]}")
    spent = json.loads(done.stdout)
    return _cost(_Clock(spent["seconds"], spent["cpu_seconds"]), inputs)


def variants() -> tuple[dict[str, Callable[[Inputs], Cost]], list[str]]:
    """Returns the variants that this machine can run, and a sentence for each that it cannot."""
    known: dict[str, Callable[[Inputs], Cost]] = {
        NAIVE: partial(measure_loop, naive),
        TUNED: partial(measure_loop, tuned),
        PROCESSOR: partial(measure_workers, _PILLOW_PROCESSOR),
    }
    missing = []
    if importlib.util.find_spec("pyvips"):
        known[VIPS] = partial(measure_loop, vips)
        known[ENGINE] = partial(measure_workers, _VIPS_PROCESSOR)
    else:
        missing.append(
            "libvips is left out: pyvips is not installed; it belongs to the extra `fast`."
        )
    if sentence := _missing_sharp():
        missing.append(sentence)
    else:
        known[SHARP] = measure_sharp
    return known, missing


def _missing_sharp() -> str | None:
    if not shutil.which("node"):
        return "sharp is left out: Node is not installed; it is measured with Node 20."
    if not (_SHARP / "node_modules" / "sharp").is_dir():
        return "sharp is left out: it is not installed; run `npm ci` in benchmarks/sharp."
    return None


def _node() -> str:
    return shutil.which("node") or "node"
