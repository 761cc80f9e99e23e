"""Worker processes that decode: one that hangs, swells or dies costs one image, not the run.

Workers are spawned, never forked; what goes on in them is in `isolation`. This side loads nothing
that decodes.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from threading import Lock

from pebble import ProcessExpired, ProcessPool

from assets.processing.entry_point import ProcessorError
from assets.processing.isolation import (
    Limits,
    ProcessorFailure,
    enter,
    probe,
    work,
)
from assets.processing.recipe import Recipe
from assets.processing.result import ProcessedImage
from assets.validation.reasons import Reason

_IMAGES_PER_WORKER = 1000
_POOLS_PER_IMAGE = 3

Result = ProcessedImage | Reason
_Attempt = Future[ProcessedImage | Reason | ProcessorFailure]
_DEATHS = (FutureTimeoutError, ProcessExpired, BrokenProcessPool)


@dataclass
class Workers:
    """A pool of decoding processes, made anew if all of them die at once.

    Attributes:
        faults: What the processor raised with images that it should have rejected or processed,
            and how often.
    """

    pool: ProcessPool
    processor: str
    recipe: Recipe
    count: int = 1
    limits: Limits = field(default_factory=Limits)
    faults: Counter[str] = field(default_factory=Counter)
    _retries: ThreadPoolExecutor = field(default_factory=partial(ThreadPoolExecutor, 1))
    _pool_lock: Lock = field(default_factory=Lock)
    _is_closed: bool = False

    def submit(self, body: bytes) -> Future[Result]:
        """Hands an image to a worker; the future gives the result or why it was rejected.

        An image whose worker died or hung is tried once more, alone in a process of its own.
        The future raises `ProcessorError` when the processor can process no image at all.
        """
        final: Future[Result] = Future()
        self._try(body, final, _POOLS_PER_IMAGE)
        return final

    def close(self) -> None:
        """Ends all processes, also those at work; what was not finished stays so."""
        with self._pool_lock:
            self._is_closed = True
        _end(self.pool)
        self._retries.shutdown(cancel_futures=True)

    def _try(self, body: bytes, final: Future[Result], pools: int) -> None:
        """Tries an image among others; a pool that broke without it says nothing about it."""
        attempt = self._schedule(body)

        def look(ended: _Attempt) -> None:
            if isinstance(ended.exception(), BrokenProcessPool) and pools > 1:
                self._retries.submit(self._try, body, final, pools - 1)
            elif isinstance(ended.exception(), _DEATHS):
                self._retries.submit(self._try_alone, body, final)
            else:
                self._resolve(ended, final)

        attempt.add_done_callback(look)

    def _schedule(self, body: bytes) -> _Attempt:
        with self._pool_lock:
            if self._is_closed:
                raise RuntimeError("The workers have ended: no image can be handed to them.")
            if not self.pool.active:
                _end(self.pool)
                self.pool = _open_pool(self.count, self.limits)
            return self._put(self.pool, body)

    def _try_alone(self, body: bytes, final: Future[Result]) -> None:
        with _pool(1, self.limits) as pool:
            attempt = self._put(pool, body)
            try:
                attempt.result()
            except FutureTimeoutError:
                final.set_result(Reason.DECODER_TIMEOUT)
            except ProcessExpired as died:
                is_late = died.exitcode == -signal.SIGXCPU
                final.set_result(Reason.DECODER_TIMEOUT if is_late else Reason.DECODER_DIED)
            except BrokenProcessPool:
                final.set_result(Reason.DECODER_DIED)
            except Exception as error:  # noqa: BLE001 - whoever waits for the image raises it
                final.set_exception(error)
            else:
                self._resolve(attempt, final)

    def _put(self, pool: ProcessPool, body: bytes) -> _Attempt:
        told = [self.processor, body, self.recipe, self.limits]
        return pool.schedule(work, args=told, timeout=self.limits.wall_seconds)

    def _resolve(self, attempt: _Attempt, final: Future[Result]) -> None:
        if (error := attempt.exception()) is not None:
            final.set_exception(error)
            return
        result = attempt.result()
        if isinstance(result, ProcessorFailure):
            self.faults[result.what] += 1
            final.set_result(Reason.PROCESSOR_FAILED)
        else:
            final.set_result(result)


@contextmanager
def workers(
    count: int, processor: str, recipe: Recipe, limits: Limits | None = None
) -> Iterator[Workers]:
    """Opens a pool of `count` processes and ends them all when the block ends.

    Raises `ProcessorError` when there is no processor of that name, or it can do nothing with a
    sound picture: that is for an operator to mend, and no image's fault.
    """
    limits = limits or Limits()
    made = Workers(_open_pool(count, limits), processor, recipe, count, limits)
    try:
        _probe(made)
        yield made
    finally:
        made.close()


def _probe(made: Workers) -> None:
    told = [made.processor, made.recipe]
    try:
        made.pool.schedule(probe, args=told, timeout=made.limits.wall_seconds).result()
    except _DEATHS as error:
        raise ProcessorError(
            f"IMAGE_PROCESSOR={made.processor} takes its process down with a sound picture "
            f"({type(error).__name__}). Mend it; all images wait meanwhile."
        ) from error


@contextmanager
def _pool(count: int, limits: Limits) -> Iterator[ProcessPool]:
    pool = _open_pool(count, limits)
    try:
        yield pool
    finally:
        _end(pool)


def _end(pool: ProcessPool) -> None:
    pool.stop()  # type: ignore[no-untyped-call]
    pool.join(timeout=10)


def _open_pool(count: int, limits: Limits) -> ProcessPool:
    return ProcessPool(
        max_workers=count,
        max_tasks=_IMAGES_PER_WORKER,
        initializer=enter,
        initargs=[limits],
        context=multiprocessing.get_context("spawn"),
    )
