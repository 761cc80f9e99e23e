"""Worker processes that decode: one that hangs, swells or dies costs one image, not the run.

Workers are spawned, never forked. Their environment is emptied first, so that no library in them
picks a credential up, and their memory is limited.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

from pebble import ProcessExpired, ProcessPool

from assets.images.processing.entry_point import find_processor
from assets.images.processing.recipe import Recipe
from assets.images.processing.result import ProcessedImage
from assets.images.validation import Reason, RejectedImageError

_IMAGE_SECONDS = 30
_WORKER_BYTES = 2 * 1024**3
_IMAGES_PER_WORKER = 1000


@dataclass
class Workers:
    """A pool of decoding processes, made anew if all of them die at once."""

    pool: ProcessPool
    processor: str
    recipe: Recipe
    count: int = 1
    _renewal: Lock = field(default_factory=Lock)

    def submit(self, body: bytes) -> Future[ProcessedImage | Reason]:
        """Hands an image to a worker; the future gives the result or why it was rejected."""
        with self._renewal:
            if not self.pool.active:
                self.pool = _open_pool(self.count)
            return self.pool.schedule(
                _work, args=[self.processor, body, self.recipe], timeout=_IMAGE_SECONDS
            )

    def result(
        self, future: Future[ProcessedImage | Reason], body: bytes
    ) -> ProcessedImage | Reason:
        """Waits for a result. An image whose worker died is tried once more."""
        try:
            return future.result()
        except FutureTimeoutError:
            return Reason.DECODER_TIMEOUT
        except (ProcessExpired, BrokenProcessPool):
            return self._try_again(body)

    def _try_again(self, body: bytes) -> ProcessedImage | Reason:
        try:
            return self.submit(body).result()
        except FutureTimeoutError:
            return Reason.DECODER_TIMEOUT
        except (ProcessExpired, BrokenProcessPool):
            return Reason.DECODER_DIED


@contextmanager
def workers(count: int, processor: str, recipe: Recipe) -> Iterator[Workers]:
    """Opens a pool of `count` processes and ends them all when the block ends.

    Raises `ProcessorError` when there is no processor of that name.
    """
    find_processor(processor)
    made = Workers(_open_pool(count), processor, recipe, count)
    try:
        yield made
    finally:
        made.pool.stop()  # type: ignore[no-untyped-call]
        made.pool.join(timeout=10)


def _open_pool(count: int) -> ProcessPool:
    return ProcessPool(
        max_workers=count,
        max_tasks=_IMAGES_PER_WORKER,
        initializer=_limit_worker,
        context=multiprocessing.get_context("spawn"),
    )


def _limit_worker() -> None:
    os.environ.clear()
    resource.setrlimit(resource.RLIMIT_AS, (_WORKER_BYTES, _WORKER_BYTES))


def _work(processor: str, body: bytes, recipe: Recipe) -> ProcessedImage | Reason:
    try:
        return find_processor(processor)(body, recipe)
    except RejectedImageError as error:
        return error.reason
    except MemoryError:
        return Reason.DECODER_DIED
