"""What runs inside a worker process: it drops its privileges, then processes image by image.

It holds no credential: its environment is emptied, and so is the copy that the kernel shows.
Whatever a processor prints is discarded, because it may come out of an image.
"""

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

from assets.processing.contract import (
    ProcessedImage,
    ProcessorError,
    find_processor,
    self_test_image,
    validate_result,
)
from assets.processing.recipe import Recipe
from assets.validation.reasons import Reason, RejectedImageError

# A worker is one of several, so libraries must not start a thread per core.
_ENVIRONMENT = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VIPS_CONCURRENCY"), "1"
)
_OPEN_FILES = 128
_KEPT_BYTES = 128 * 1024**2
_MAX_HEAP_BLOCK_BYTES = 32 * 1024**2
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Parameters of mallopt(3), as malloc.h numbers them."""
_ENVIRONMENT_BOUNDS = slice(47, 49)
"""env_start and env_end in /proc/self/stat, counted after the program's name; see proc(5)."""


@dataclass(frozen=True)
class Limits:
    """Limits of a worker process: address space, and CPU and elapsed time of one image."""

    memory_bytes: int = 2 * 1024**3
    cpu_seconds: int = 20
    wall_seconds: float = 30.0


@dataclass(frozen=True)
class ProcessorFailure:
    """A processor raised with one image, though not with the self-test image.

    The description is class and place of the error; it names no image.
    """

    description: str


def enter(limits: Limits) -> None:
    """Turns this process into a worker, before anything that decodes is loaded."""
    global _worker_pid
    _worker_pid = os.getpid()
    os.environ.clear()
    _wipe_first_environment()
    os.environ.update(_ENVIRONMENT)
    sys.dont_write_bytecode = True
    _keep_freed_memory()
    devnull = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(devnull, stream)
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))
    for forbidden in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        resource.setrlimit(forbidden, (0, 0))
    signal.signal(signal.SIGTERM, _on_terminate)


_worker_pid = 0


def process_image(
    processor: str, body: bytes, recipe: Recipe, limits: Limits
) -> ProcessedImage | Reason | ProcessorFailure:
    """Processes one image; returns the result, or why there is none.

    Raises `ProcessorError` when the processor fails with the self-test image too.
    """
    _allow_cpu(limits.cpu_seconds)
    try:
        return validate_result(find_processor(processor)(body, recipe), recipe)
    except RejectedImageError as error:
        return error.reason
    except MemoryError:
        _end()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a processor may raise anything
        description = _describe(error)
        process_self_test_image(processor, recipe)
        return ProcessorFailure(description)
    finally:
        if os.getpid() != _worker_pid:
            _end()  # a forked child returned from the processor as well
        _end_children()


def process_self_test_image(processor: str, recipe: Recipe) -> None:
    """Raises `ProcessorError` when a processor fails with the self-test image."""
    try:
        validate_result(find_processor(processor)(self_test_image(), recipe), recipe)
    except ProcessorError:
        raise
    except (Exception, SystemExit) as error:
        raise ProcessorError(
            f"IMAGE_PROCESSOR={processor} fails with the self-test image and the recipe "
            f"{recipe.title}: {_describe(error)}: {error}. Fix it; all images wait meanwhile."
        ) from error


def _describe(error: BaseException) -> str:
    """Returns what was raised and where, without the message, which may quote the image."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    location = f" in {trace.tb_frame.f_code.co_name}, line {trace.tb_lineno}" if trace else ""
    return f"{type(error).__name__}{location}"


def _allow_cpu(seconds: int) -> None:
    """Sets the CPU limit of this process to what it has used so far plus `seconds`."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = math.ceil(used.ru_utime + used.ru_stime) + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def _keep_freed_memory() -> None:
    """Makes glibc reuse the memory of one picture for the next.

    By default it returns large blocks to the kernel, which clears each of their pages again for
    every picture. Free memory above `_KEPT_BYTES`, as after a huge picture, is still returned.
    """
    if set_parameter := getattr(ctypes.CDLL(None), "mallopt", None):
        set_parameter(_TRIM_THRESHOLD, _KEPT_BYTES)
        set_parameter(_MMAP_THRESHOLD, _MAX_HEAP_BLOCK_BYTES)


def _wipe_first_environment() -> None:
    """Overwrites the variables that the process was started with, to which nothing points now."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    start, end = map(int, fields[_ENVIRONMENT_BOUNDS])
    ctypes.memset(start, 0, end - start)


def _end_children() -> None:
    """Kills the processes that a processor started and did not wait for."""
    try:
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
    except ChildProcessError:
        return
    for task in Path("/proc/self/task").iterdir():
        for pid in (task / "children").read_text().split():
            os.kill(int(pid), signal.SIGKILL)


def _on_terminate(_number: int, _frame: FrameType | None) -> None:
    _end_children()
    _end()


def _end() -> NoReturn:
    os._exit(1)
