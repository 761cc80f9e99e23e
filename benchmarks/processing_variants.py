"""The variants that are compared: each makes two renditions of photographs in memory.

The photographs are of known sizes, in each format.
"""

import importlib.util
import io
import json
import multiprocessing
import shutil
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from pathlib import Path

import psutil
from PIL import Image

from assets.processing.contract import ProcessedImage
from assets.processing.recipe import read_recipe
from assets.processing.worker_pool import WorkerPool
from benchmarks.bare_loops import Renditions, naive, tuned, vips
from benchmarks.sampling import cpu_seconds
from infra.demo.photographs import photographs
from infra.report import MeasurementError

NAIVE, TUNED, VIPS, SHARP = "naive Pillow", "tuned Pillow", "bare libvips", "sharp"
PROCESSOR, ENGINE = "our processor", "our libvips engine"
"""Ours run in isolated workers; the others are bare loops in as many processes."""

PROCESSES = 2

_PILLOW_PROCESSOR = "assets.processing.processor:process"
_VIPS_PROCESSOR = "assets.processing.vips:process"
_SHARP = Path(__file__).parent / "sharp"
_WARM_UP = 8
_DISTINCT = 8
_ENLARGED = 4
_ENCODINGS: dict[str, dict[str, int]] = {
    "JPEG": {"quality": 88},
    "PNG": {"compress_level": 6},
    "WEBP": {"quality": 82, "method": 4},
}
FORMATS = tuple(_ENCODINGS)

Loop = Callable[[bytes], Renditions]


@dataclass(frozen=True)
class Inputs:
    """Some photographs of one format and size.

    Attributes:
        count: How many a measurement processes; the bodies are repeated.
    """

    format: str
    megapixels: int
    bodies: tuple[bytes, ...]
    count: int


def make_inputs(format_: str, megapixels: int, total_megapixels: int) -> Inputs:
    """Makes photographs of a format (`JPEG`, `PNG` or `WEBP`) and size for one measurement."""
    # A PNG with a sensor's grain at full size would exceed the largest accepted image.
    scale = _ENLARGED if format_ == "PNG" else 1
    made = photographs(_DISTINCT, megapixels=megapixels / scale**2)
    bodies = tuple(_encoded(photograph.body, format_, scale) for photograph in made)
    return Inputs(format_, megapixels, bodies, max(2, total_megapixels // megapixels))


def _encoded(body: bytes, format_: str, scale: int) -> bytes:
    picture = Image.open(io.BytesIO(body)).convert("RGB")
    if scale != 1:
        size = picture.width * scale, picture.height * scale
        picture = picture.resize(size, Image.Resampling.BICUBIC)
    file = io.BytesIO()
    picture.save(file, format_, **_ENCODINGS[format_])
    return file.getvalue()


@dataclass(frozen=True)
class Cost:
    """What processing some inputs costs.

    Attributes:
        images_per_second: By wall time, without the start of processes.
        cpu_seconds_per_megapixel: Of all processes together, this one included.
    """

    images_per_second: float
    cpu_seconds_per_megapixel: float


def _timed(inputs: Inputs, process_all: Callable[[], object]) -> Cost:
    """Counts the CPU time of this process and all its descendants."""
    here = psutil.Process()
    started, used = time.perf_counter(), cpu_seconds(here)
    process_all()
    return _cost(time.perf_counter() - started, cpu_seconds(here) - used, inputs)


def _cost(wall_seconds: float, cpu_seconds: float, inputs: Inputs) -> Cost:
    return Cost(inputs.count / wall_seconds, cpu_seconds / (inputs.count * inputs.megapixels))


Variant = Callable[[Inputs], Cost]

_bodies: tuple[bytes, ...] = ()


def _keep(bodies: tuple[bytes, ...]) -> None:
    """Keeps the photographs in a bare loop's process, so that only numbers are sent to it."""
    global _bodies
    _bodies = bodies


def _make(loop: Loop, number: int) -> int:
    return len(loop(_bodies[number % len(_bodies)]))


def measure_loop(loop: Loop, inputs: Inputs) -> Cost:
    """Measures a bare loop in processes that keep the inputs and discard their results."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        PROCESSES, mp_context=context, initializer=_keep, initargs=(inputs.bodies,)
    ) as pool:
        make = partial(_make, loop)
        deque(pool.map(make, range(_WARM_UP)), maxlen=0)
        return _timed(inputs, lambda: deque(pool.map(make, range(inputs.count)), maxlen=0))


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

        process_all(islice(cycle(inputs.bodies), _WARM_UP))
        return _timed(inputs, lambda: process_all(islice(cycle(inputs.bodies), inputs.count)))


def measure_sharp(inputs: Inputs) -> Cost:
    """Measures sharp in a Node process, with as many images at once as the others have processes.

    Raises `MeasurementError` when Node failed.
    """
    with tempfile.TemporaryDirectory(prefix="darkroom-sharp-") as folder:
        for number, body in enumerate(inputs.bodies):
            (Path(folder) / f"{number:02d}").write_bytes(body)
        done = subprocess.run(  # noqa: S603 - a program of this benchmark
            [shutil.which("node") or "node", "loop.js", folder, str(inputs.count), str(PROCESSES)],
            cwd=_SHARP,
            env={"UV_THREADPOOL_SIZE": str(PROCESSES)},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        raise MeasurementError(f"sharp failed: {done.stderr[-2000:]}")
    spent = json.loads(done.stdout)
    return _cost(spent["seconds"], spent["cpu_seconds"], inputs)


def variants() -> tuple[dict[str, Variant], list[str]]:
    """Returns the variants that this machine can run, and a sentence for each that it cannot."""
    known: dict[str, Variant] = {
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
