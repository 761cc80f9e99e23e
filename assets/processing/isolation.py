"""What runs inside a worker process: it gives up all rights, then processes image by image.

It starts without any credential, loads the processor, lets it process the self-test image, so that
libraries load what they load late, and closes itself down (`sandbox`) before the first image
comes. Whatever a processor prints is discarded, because it may come out of an image.
"""

import ctypes
import math
import os
import resource
import signal
import socket
import sys
from importlib.abc import MetaPathFinder
from typing import NoReturn

from PIL import Image

from assets.processing import sandbox
from assets.processing.contract import (
    Processor,
    ProcessorError,
    ProcessorFailure,
    find_processor,
    self_test_image,
    validate_result,
)
from assets.processing.messages import (
    LENGTH_BYTES,
    MAX_MESSAGE_CHARACTERS,
    Answer,
    Assignment,
    Broken,
    Limits,
    Ready,
    Result,
    encode,
)
from assets.validation.reasons import RejectedImageError

_OPEN_FILES = 128
_KEPT_BYTES = 128 * 1024**2
_MAX_HEAP_BLOCK_BYTES = 32 * 1024**2
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Parameters of mallopt(3), as malloc.h numbers them."""
_WALL_MARGIN_SECONDS = 5
_HINT = (
    "A worker opens no file and imports nothing once images come: "
    "load what it needs when its module is imported."
)


class _Imports(MetaPathFinder):
    """Notices an import after the worker has closed itself down.

    It fails, and a processor may take that for an error of the image.
    """

    def __init__(self) -> None:
        self._sought = set[str]()
        self.is_closed, self.late = False, ""

    def find_spec(self, fullname: str, *_: object) -> None:
        """Finds nothing; what was sought in vain before is an optional module."""
        if self.is_closed and fullname not in self._sought:
            self.late = fullname
        self._sought.add(fullname)


class Worker:
    """A processor and its recipe in this process."""

    def __init__(self, assignment: Assignment) -> None:
        self._name, self._recipe = assignment.processor, assignment.recipe
        self._limits = assignment.limits
        self._imports = _Imports()
        self._pid = os.getpid()
        self._self_test_image = self_test_image()
        self._processor: Processor

    def open(self) -> list[sandbox.Layer]:
        """Loads the processor, closes the process down and tests it there; returns the layers.

        Raises `ProcessorError` when it cannot be loaded, or fails with the self-test image.
        """
        _limit(self._limits)
        sys.meta_path.insert(0, self._imports)
        Image.init()  # imports all decoders
        self._processor = find_processor(self._name)
        self._test()
        layers = sandbox.close_down()
        self._imports.is_closed = True
        self._test()
        return layers

    def process(self, body: bytes) -> Result:
        """Processes one image; returns the result, or why there is none.

        Raises `ProcessorError` when the processor fails with the self-test image too.
        """
        _allow_cpu(self._limits.cpu_seconds)
        signal.setitimer(signal.ITIMER_REAL, self._limits.wall_seconds + _WALL_MARGIN_SECONDS)
        try:
            result: Result = validate_result(self._processor(body, self._recipe), self._recipe)
        except RejectedImageError as error:
            result = error.reason
        except MemoryError:
            _end()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a processor may raise anything
            result = ProcessorFailure(_describe(error))
            self._test()
        finally:
            if os.getpid() != self._pid:
                _end()  # a forked child returned from the processor as well
        if self._imports.late:
            result = ProcessorFailure(f"late import of {self._imports.late}")
            self._imports.late = ""
        return result

    def _test(self) -> None:
        try:
            result = self._processor(self._self_test_image, self._recipe)
            validate_result(result, self._recipe)
        except ProcessorError:
            raise
        except (Exception, SystemExit) as error:
            hint = f" {_HINT}" if isinstance(error, OSError | ImportError) else ""
            raise ProcessorError(
                f"IMAGE_PROCESSOR={self._name} fails with the self-test image and the recipe "
                f"{self._recipe.title}: {_describe(error)}: {error}. "
                f"Fix it; all images wait meanwhile.{hint}"
            ) from error


def main() -> None:
    """Runs a worker whose standard input is the socket to the platform, until that is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the platform, which ends workers
    layers = sandbox.separate()
    with socket.socket(fileno=os.dup(0)) as channel:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        worker = Worker(Assignment.model_validate_json(_receive(channel)))
        try:
            _send(channel, Ready(layers=(*layers, *worker.open())))
            while True:
                _send(channel, worker.process(_receive(channel)))
        except ProcessorError as error:
            _send(channel, Broken(message=f"{error}"[:MAX_MESSAGE_CHARACTERS]))


def _receive(channel: socket.socket) -> bytes:
    """Receives a frame; ends the process when the platform has closed the socket."""
    length = channel.recv(LENGTH_BYTES, socket.MSG_WAITALL)
    if len(length) < LENGTH_BYTES:
        _end()
    size = int.from_bytes(length)
    return channel.recv(size, socket.MSG_WAITALL) if size else b""


def _send(channel: socket.socket, answer: Answer) -> None:
    try:
        pieces = encode(answer)
    except ValueError as error:
        pieces = encode(ProcessorFailure(_describe(error)))
    for piece in pieces:
        channel.sendall(piece)


def _describe(error: BaseException) -> str:
    """Returns what was raised and where, without the message, which may quote the image."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    location = f" in {trace.tb_frame.f_code.co_name}, line {trace.tb_lineno}" if trace else ""
    return f"{type(error).__name__}{location}"


def _limit(limits: Limits) -> None:
    """Limits memory, files and cores; limits that a process has set itself cannot be raised."""
    _keep_freed_memory()
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))
    for forbidden in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        resource.setrlimit(forbidden, (0, 0))


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


def _end() -> NoReturn:
    os._exit(1)
