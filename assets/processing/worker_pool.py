"""A pool of worker processes that decode images; one that hangs, swells or dies costs one image.

Workers are spawned, never forked; `isolation` is what runs inside them. This side imports nothing
that decodes.
"""

import multiprocessing
import signal
from concurrent.futures import CancelledError, Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from threading import Lock
from typing import Self

from pebble import ProcessExpired, ProcessPool

from assets.processing.contract import ProcessedImage, ProcessorError
from assets.processing.isolation import (
    Limits,
    ProcessorFailure,
    enter,
    process_image,
    process_self_test_image,
)
from assets.processing.recipe import Recipe
from assets.validation.reasons import Reason

_IMAGES_PER_WORKER = 1000
_ATTEMPTS_AMONG_OTHERS = 3
_STOP_SECONDS = 10
_DEATHS = (TimeoutError, ProcessExpired, BrokenProcessPool)

Result = ProcessedImage | Reason | ProcessorFailure


class WorkerPool:
    """Worker processes that run one processor with one recipe; open while its block lasts.

    Entering the block raises `ProcessorError` if the processor cannot be loaded or fails with the
    self-test image. Leaving it ends all processes, also those that are at work. The pool is
    recreated after all of its processes have died at once.
    """

    def __init__(
        self, count: int, processor: str, recipe: Recipe, limits: Limits | None = None
    ) -> None:
        self._count, self._limits = count, limits or Limits()
        self._processor, self._recipe = processor, recipe
        self._lock, self._retry_lock = Lock(), Lock()
        self._in_flight: set[Future[Result]] = set()
        self._is_closed = False
        self.pool = self._open_pool(count)

    def __enter__(self) -> Self:
        with ExitStack() as on_failure:
            on_failure.push(self)
            self._test_processor()
            on_failure.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._is_closed = True
            _end(self.pool)
            for attempt in self._in_flight:
                attempt.cancel()

    def process(self, body: bytes) -> Result:
        """Processes one image in a worker and waits for the result; any thread may call it.

        An image whose worker died or hung is tried once more, alone in a process of its own. A pool
        that broke while the image was not at work says nothing about the image.

        Raises `ProcessorError` when the processor fails with the self-test image too, and
        `CancelledError` when the pool was closed before the image was finished.
        """
        for _ in range(_ATTEMPTS_AMONG_OTHERS):
            try:
                return self._run(body)
            except BrokenProcessPool:
                continue
            except (TimeoutError, ProcessExpired):
                break
        with self._retry_lock:
            return self._process_alone(body)

    def _process_alone(self, body: bytes) -> Result:
        pool = self._open_pool(1)
        try:
            return self._run(body, pool)
        except TimeoutError:
            return Reason.DECODER_TIMEOUT
        except ProcessExpired as died:
            is_late = died.exitcode == -signal.SIGXCPU
            return Reason.DECODER_TIMEOUT if is_late else Reason.DECODER_DIED
        except BrokenProcessPool:
            return Reason.DECODER_DIED
        finally:
            _end(pool)

    def _run(self, body: bytes, pool: ProcessPool | None = None) -> Result:
        arguments = [self._processor, body, self._recipe, self._limits]
        with self._lock:
            if self._is_closed:
                raise CancelledError
            if pool is None and not self.pool.active:
                _end(self.pool)
                self.pool = self._open_pool(self._count)
            attempt: Future[Result] = (pool or self.pool).schedule(
                process_image, args=arguments, timeout=self._limits.wall_seconds
            )
            self._in_flight.add(attempt)
        try:
            return attempt.result()
        finally:
            with self._lock:
                self._in_flight.discard(attempt)

    def _test_processor(self) -> None:
        test = self.pool.schedule(
            process_self_test_image,
            args=[self._processor, self._recipe],
            timeout=self._limits.wall_seconds,
        )
        try:
            test.result()
        except _DEATHS as error:
            raise ProcessorError(
                f"IMAGE_PROCESSOR={self._processor} takes its process down with the self-test "
                f"image ({type(error).__name__}). Fix it; all images wait meanwhile."
            ) from error

    def _open_pool(self, count: int) -> ProcessPool:
        return ProcessPool(
            max_workers=count,
            max_tasks=_IMAGES_PER_WORKER,
            initializer=enter,
            initargs=[self._limits],
            context=multiprocessing.get_context("spawn"),
        )


def _end(pool: ProcessPool) -> None:
    pool.stop()  # type: ignore[no-untyped-call]
    pool.join(timeout=_STOP_SECONDS)
