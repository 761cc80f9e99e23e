"""One worker process, seen from the platform: its start, its answers within a time, and its end.

What comes from it is only data, whose size and form are checked (`messages`).
"""

import signal
import socket
import subprocess
import time

from assets.processing.contract import ProcessorError
from assets.processing.messages import (
    LENGTH_BYTES,
    Assignment,
    Broken,
    Ready,
    Result,
    ViolationError,
    read_answer,
)
from assets.processing.sandbox import Layer, python_command

_START = "from assets.processing.isolation import main; main()"
# A worker is one of several, so libraries must not start a thread per core.
_ENVIRONMENT = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VIPS_CONCURRENCY"), "1"
)
_START_SECONDS, _END_SECONDS = 60, 10
_PART_BYTES = 256 * 1024


class WorkerDiedError(Exception):
    """The worker ended, or was ended because it sent something else, before it answered."""


class WorkerTooSlowError(WorkerDiedError):
    """The worker used up its time: the elapsed time, or the CPU time."""


class WorkerProcess:
    """A worker that starts, or waits for images; one thread at a time uses it.

    Attributes:
        images: How many images it has been given.
    """

    def __init__(self, assignment: Assignment) -> None:
        self.images = 0
        self._assignment = assignment
        self._layers: tuple[Layer, ...] | None = None
        self._channel, end = socket.socketpair()
        with end:
            self._process = subprocess.Popen(  # noqa: S603 - this program
                python_command(_START),
                stdin=end.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=_ENVIRONMENT,
                cwd="/",
            )

    def wait_until_ready(self) -> tuple[Layer, ...]:
        """Returns the layers that isolate it, once it has passed the self-test.

        Raises `ProcessorError` when the processor cannot be loaded, fails with the self-test image,
        or takes its process down.
        """
        if self._layers is None:
            try:
                assignment = self._assignment.model_dump_json().encode()
                answer = self._ask(assignment, _START_SECONDS)
            except WorkerDiedError as error:
                raise ProcessorError(
                    f"IMAGE_PROCESSOR={self._assignment.processor} takes its process down with the "
                    f"self-test image ({type(error).__name__}). Fix it; all images wait meanwhile."
                ) from error
            if not isinstance(answer, Ready):
                raise self._death()
            self._layers = answer.layers
        return self._layers

    def process(self, body: bytes) -> Result:
        """Has one image processed, and waits for the result.

        Raises `WorkerTooSlowError` or `WorkerDiedError`, and `ProcessorError` when the processor
        fails with the self-test image; the worker is of no use after that.
        """
        self.wait_until_ready()
        self.images += 1
        answer = self._ask(body, self._assignment.limits.wall_seconds)
        if isinstance(answer, Ready):
            raise self._death()
        return answer

    def kill(self) -> None:
        """Ends the process; any thread may call it, and one that waits for an answer is told."""
        self._process.kill()
        self._process.wait(_END_SECONDS)

    def close(self) -> None:
        """Ends the process; only the thread that uses it calls this."""
        self.kill()
        self._channel.close()

    def _ask(self, frame: bytes, seconds: float) -> Ready | Result:
        deadline = time.monotonic() + seconds
        try:
            for part in (len(frame).to_bytes(LENGTH_BYTES), frame):
                self._allow_until(deadline)
                self._channel.sendall(part)
            answer = read_answer(lambda size: self._read(size, deadline), self._assignment.recipe)
        except TimeoutError as error:
            raise WorkerTooSlowError from error
        except (OSError, ViolationError) as error:
            raise self._death() from error
        if isinstance(answer, Broken):
            raise ProcessorError(answer.message)
        return answer

    def _read(self, size: int, deadline: float) -> bytes:
        """Reads that number of bytes; memory is taken as they arrive, not as they are announced."""
        content = bytearray()
        while len(content) < size:
            self._allow_until(deadline)
            part = self._channel.recv(min(size - len(content), _PART_BYTES))
            if not part:
                raise ViolationError("the end")
            content += part
        return bytes(content)

    def _allow_until(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._channel.settimeout(left)

    def _death(self) -> WorkerDiedError:
        self.kill()
        is_late = self._process.returncode == -signal.SIGXCPU
        return WorkerTooSlowError() if is_late else WorkerDiedError()
