"""A pool of worker processes that decode images; one that hangs, swells or dies costs one image.

`worker_process` is one of them, `isolation` is what runs inside it. This side decodes nothing.
"""

from concurrent.futures import CancelledError
from contextlib import ExitStack, suppress
from queue import Empty, SimpleQueue
from threading import Lock
from typing import Self

from assets.processing.contract import ProcessorError
from assets.processing.messages import Assignment, Limits, Result
from assets.processing.recipe import Recipe
from assets.processing.sandbox import Layer
from assets.processing.worker_process import WorkerDiedError, WorkerProcess, WorkerTooSlowError
from assets.validation.reasons import Reason

_IMAGES_PER_WORKER = 1000


class WorkerPool:
    """Worker processes that run one processor with one recipe; open while its block lasts.

    Entering the block raises `ProcessorError` if the processor cannot be loaded or fails with the
    self-test image. Leaving it ends all processes, also those that are at work.

    Attributes:
        layers: The layers that isolate the workers, known once the block is entered.
    """

    def __init__(
        self, count: int, processor: str, recipe: Recipe, limits: Limits | None = None
    ) -> None:
        self.layers: tuple[Layer, ...] = ()
        self._count = count
        self._assignment = Assignment(processor=processor, recipe=recipe, limits=limits or Limits())
        self._lock, self._retry_lock = Lock(), Lock()
        self._running = set[WorkerProcess]()
        self._idle: SimpleQueue[WorkerProcess | None] = SimpleQueue()
        self._is_closed = False

    def __enter__(self) -> Self:
        with ExitStack() as on_failure:
            on_failure.push(self)
            for _ in range(self._count):
                self._idle.put(self._start())
            first = self._take()
            try:
                self.layers = first.wait_until_ready()
            finally:
                self._idle.put(first)
            on_failure.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._is_closed = True
            for worker in self._running:
                worker.kill()
        with suppress(Empty):
            while idle := self._idle.get_nowait():
                self._discard(idle)
        self._idle.put(None)

    def process(self, body: bytes) -> Result:
        """Processes one image in a worker and waits for the result; any thread may call it.

        An image whose worker died or was too slow is tried once more, alone in a new process.

        Raises `ProcessorError` when the processor fails with the self-test image too, and
        `CancelledError` when the pool was closed before the image was finished.
        """
        worker = self._take()
        try:
            result = self._run(worker, body)
        except (WorkerDiedError, ProcessorError) as error:
            self._idle.put(self._start())
            if isinstance(error, ProcessorError):
                raise
        else:
            self._give_back(worker)
            return result
        with self._retry_lock:
            return self._process_alone(body)

    def _process_alone(self, body: bytes) -> Result:
        worker = self._start()
        try:
            result = self._run(worker, body)
        except WorkerTooSlowError:
            return Reason.DECODER_TIMEOUT
        except WorkerDiedError:
            return Reason.DECODER_DIED
        self._discard(worker)
        return result

    def _run(self, worker: WorkerProcess, body: bytes) -> Result:
        try:
            return worker.process(body)
        except (WorkerDiedError, ProcessorError) as error:
            self._discard(worker)
            if self._is_closed:
                raise CancelledError from error
            raise

    def _start(self) -> WorkerProcess:
        with self._lock:
            if self._is_closed:
                raise CancelledError
            worker = WorkerProcess(self._assignment)
            self._running.add(worker)
        return worker

    def _take(self) -> WorkerProcess:
        """Waits for an idle worker."""
        worker = self._idle.get()
        if worker is None:
            self._idle.put(None)  # for the next thread that waits
            raise CancelledError
        return worker

    def _give_back(self, worker: WorkerProcess) -> None:
        if worker.images < _IMAGES_PER_WORKER:
            self._idle.put(worker)
        else:
            self._discard(worker)
            self._idle.put(self._start())

    def _discard(self, worker: WorkerProcess) -> None:
        worker.close()
        with self._lock:
            self._running.discard(worker)
