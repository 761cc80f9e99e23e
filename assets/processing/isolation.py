"""A worker process from inside: it gives up what it does not need, then works image by image.

It holds no credential: its environment is emptied, and the copy of it that the kernel shows too.
What a processor prints is thrown away: it may be anything out of an image.
"""

from __future__ import annotations

import ctypes
import math
import os
import resource
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

from assets.processing.contract import checked, self_test_image
from assets.processing.entry_point import ProcessorError, find_processor
from assets.processing.recipe import Recipe
from assets.processing.result import ProcessedImage
from assets.validation.reasons import Reason, RejectedImageError

# A worker is one of several: libraries that would start a thread per core are kept from it.
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VIPS_CONCURRENCY": "1",
}
_OPEN_FILES = 128
_KEPT_BYTES = 128 * 1024**2
_MAX_HEAP_BLOCK_BYTES = 32 * 1024**2
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Parameters of mallopt(3), as malloc.h numbers them."""
_ENVIRONMENT_BOUNDS = slice(47, 49)
"""Where /proc/self/stat tells them, counted from behind the program's name; see proc(5)."""


@dataclass(frozen=True)
class Limits:
    """What a worker may take.

    Attributes:
        memory_bytes: Address space of a worker, libraries included.
        cpu_seconds: Processor time of one image, all threads together.
        wall_seconds: Time of one image.
    """

    memory_bytes: int = 2 * 1024**3
    cpu_seconds: int = 20
    wall_seconds: float = 30.0


@dataclass(frozen=True)
class ProcessorFailure:
    """A processor failed with one image, though not with a sound one; `what` names no image."""

    what: str


def enter(limits: Limits) -> None:
    """Makes this process a worker; nothing that decodes is loaded before."""
    global _worker
    _worker = os.getpid()
    os.environ.clear()
    _wipe_first_environment()
    os.environ.update(_ENVIRONMENT)
    sys.dont_write_bytecode = True
    _keep_freed_memory()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))
    for nothing in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        resource.setrlimit(nothing, (0, 0))
    signal.signal(signal.SIGTERM, _leave)


_worker = 0


def work(
    processor: str, body: bytes, recipe: Recipe, limits: Limits
) -> ProcessedImage | Reason | ProcessorFailure:
    """Processes one image; returns what came of it, or why it is rejected.

    Raises `ProcessorError` when the processor fails with a sound picture too.
    """
    _allow_cpu(limits.cpu_seconds)
    try:
        return checked(find_processor(processor)(body, recipe), recipe)
    except RejectedImageError as error:
        return error.reason
    except MemoryError:
        _end()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a processor may raise anything
        what = _described(error)
        probe(processor, recipe)
        return ProcessorFailure(what)
    finally:
        if os.getpid() != _worker:
            _end()  # a child that came back where only its parent belongs
        _end_children()


def probe(processor: str, recipe: Recipe) -> None:
    """Raises `ProcessorError` when a processor can do nothing with a sound picture."""
    try:
        checked(find_processor(processor)(self_test_image(), recipe), recipe)
    except ProcessorError:
        raise
    except (Exception, SystemExit) as error:
        raise ProcessorError(
            f"IMAGE_PROCESSOR={processor} fails with a sound picture and the recipe "
            f"{recipe.title}: {_described(error)}: {error}. Mend it; all images wait meanwhile."
        ) from error


def _described(error: BaseException) -> str:
    """Says what was raised and where; not its message, which may tell of the image."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" in {trace.tb_frame.f_code.co_name}, line {trace.tb_lineno}" if trace else ""
    return f"{type(error).__name__}{place}"


def _allow_cpu(seconds: int) -> None:
    """Lets the process be killed when it has worked so many seconds more than by now."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = math.ceil(used.ru_utime + used.ru_stime) + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def _keep_freed_memory() -> None:
    """Has glibc use the memory of one picture for the next.

    By itself it gives large blocks back to the kernel, which clears each page of them anew for
    every picture. What is free above `_KEPT_BYTES`, after a huge one, still goes back.
    """
    if set_parameter := getattr(ctypes.CDLL(None), "mallopt", None):
        set_parameter(_TRIM_THRESHOLD, _KEPT_BYTES)
        set_parameter(_MMAP_THRESHOLD, _MAX_HEAP_BLOCK_BYTES)


def _wipe_first_environment() -> None:
    """Overwrites the variables that the process was started with; nothing points to them now."""
    told = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    start, end = map(int, told[_ENVIRONMENT_BOUNDS])
    ctypes.memset(start, 0, end - start)


def _end_children() -> None:
    """Ends what a processor has started and not waited for."""
    try:
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
    except ChildProcessError:
        return
    for task in Path("/proc/self/task").iterdir():
        for pid in (task / "children").read_text().split():
            os.kill(int(pid), signal.SIGKILL)


def _leave(_number: int, _frame: FrameType | None) -> None:
    _end_children()
    _end()


def _end() -> NoReturn:
    os._exit(1)
