"""The assembly line: fetching, processing and storing go on at once, each image by itself.

What is in flight is bounded by the bytes of the originals and by the pixels that workers have been
given, whatever the number of images.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial

from assets.catalog.facts import Seconds
from assets.catalog.records import LeasedImage, Processed, StageSeconds
from assets.processing.budget import Budget, BudgetClosedError
from assets.processing.image_storage import Fetched, ImageStorage
from assets.processing.recorder import Recorder
from assets.processing.result import ProcessedImage
from assets.processing.tally import PROCESSED, ImageTiming
from assets.processing.workers import Result, workers
from assets.resources.warehouse import Warehouse
from assets.validation.headers import MAX_IMAGE_PIXELS, pixels_of
from assets.validation.reasons import Reason

_THREADS_PER_WORKER = 3
_POLL_SECONDS = 0.25
_MIN_BYTES = 64 * 1024
_ASSUMED_PIXELS = 12_000_000
"""What an image counts whose header is too long to be looked at: a telephone's usual size."""


class ImageStages:
    """Images on their way; the first error of any thread stops it.

    Open while the block lasts: what is still on it then goes no further.

    Args:
        pipeline: The stages of one image.
        warehouse: Where the ledger is.
        run_id: In whose hands the images are.
    """

    def __init__(self, pipeline: ImageStorage, warehouse: Warehouse, run_id: str) -> None:
        settings = pipeline.settings
        self.recorder = Recorder(warehouse, pipeline, run_id, self.fail)
        self._storage = pipeline
        self._bytes = Budget(settings.processing_bytes)
        self._pixels = Budget(settings.processing_pixels)
        threads = _THREADS_PER_WORKER * settings.processing_workers
        self._fetchers = ThreadPoolExecutor(threads, "fetch")
        self._storers = ThreadPoolExecutor(threads, "store")
        self._error: BaseException | None = None
        self._opened = ExitStack()

    def __enter__(self) -> ImageStages:
        """Opens it.

        Raises `ProcessorError` when the processor can process nothing.
        """
        settings = self._storage.settings
        with ExitStack() as stack:
            stack.enter_context(self.recorder)
            for threads in (self._storers, self._fetchers):
                stack.callback(threads.shutdown, cancel_futures=True)
            self._pool = stack.enter_context(
                workers(settings.processing_workers, settings.image_processor, self._storage.recipe)
            )
            stack.callback(self._stop_budgets)
            self._opened = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Ends threads and processes; what is done is recorded."""
        self._opened.close()
        self.recorder.tally.faults += self._pool.faults

    def fail(self, error: BaseException) -> None:
        """Stops it; whoever waits for it raises the first error."""
        self._error = self._error or error
        self._stop_budgets()

    def check(self) -> None:
        """Raises what has stopped it, if anything has."""
        if self._error is not None:
            raise self._error

    def finish(self) -> None:
        """Waits until nothing is on it; raises what has stopped it, if anything has."""
        self.check()
        while self.recorder.in_flight:
            self.recorder.wait(_POLL_SECONDS)
            self.check()

    def _stop_budgets(self) -> None:
        for budget in (self._bytes, self._pixels):
            budget.stop()

    def start(self, claim: LeasedImage) -> None:
        """Puts an image on the line as soon as there is room.

        Raises whatever has stopped the line.
        """
        try:
            self._bytes.take(_weight(claim))
        except BudgetClosedError:
            self.check()
            raise
        self.recorder.begin()
        self._fetchers.submit(self._guarded, self._fetch, claim)

    def _guarded(self, stage: Callable[..., None], *arguments: object) -> None:
        try:
            stage(*arguments)
        except BudgetClosedError:
            return
        except Exception as error:  # noqa: BLE001 - the run raises it
            self.fail(error)

    def _fetch(self, claim: LeasedImage) -> None:
        begun = time.perf_counter()
        fetched = self._storage.fetch(claim)
        took = time.perf_counter() - begun
        if fetched.body is None or fetched.reason is not None:
            reason = fetched.reason or Reason.OBJECT_MISSING
            self._finish(fetched, reason, StageSeconds(took, 0.0, Seconds(), 0.0))
        else:
            self._submit(fetched, fetched.body, took)

    def _submit(self, fetched: Fetched, body: bytes, took: float) -> None:
        pixels = min(pixels_of(body) or _ASSUMED_PIXELS, MAX_IMAGE_PIXELS)
        self._pixels.take(pixels)
        handed_over = time.perf_counter()

        def on_result(future: Future[Result]) -> None:
            self._pixels.release(pixels)
            waited = time.perf_counter() - handed_over
            back = partial(self._on_result, fetched, future, took, waited)
            self._storers.submit(self._guarded, back)

        self._pool.submit(body).add_done_callback(on_result)

    def _on_result(
        self, fetched: Fetched, future: Future[Result], took: float, waited: float
    ) -> None:
        result = future.result()
        work = result.seconds if isinstance(result, ProcessedImage) else Seconds()
        self._finish(
            fetched, result, StageSeconds(took, max(0.0, waited - work.total), work, store=0.0)
        )

    def _finish(self, fetched: Fetched, result: Result, so_far: StageSeconds) -> None:
        begun = time.perf_counter()
        if isinstance(result, Reason):
            rejected = self._storage.reject(fetched, result)
            seconds = _stored(so_far, begun)
            self.recorder.add(rejected, _timing(fetched, result, seconds))
        else:
            made = self._storage.store(fetched.claim, result)
            seconds, recipe = _stored(so_far, begun), self._storage.recipe.record
            processed = Processed(
                fetched.claim, result.facts, recipe, result.processor, seconds, made
            )
            self.recorder.add(processed, _timing(fetched, result, seconds))
        self._bytes.release(_weight(fetched.claim))


def _weight(claim: LeasedImage) -> int:
    return max(claim.size_bytes, _MIN_BYTES)


def _stored(so_far: StageSeconds, begun: float) -> StageSeconds:
    store = time.perf_counter() - begun
    return StageSeconds(so_far.fetch, so_far.wait, so_far.work, store)


def _timing(fetched: Fetched, result: Result, seconds: StageSeconds) -> ImageTiming:
    size = len(fetched.body or b"")
    if isinstance(result, Reason):
        return ImageTiming(result.value, size, 0.0, seconds)
    facts = result.facts
    return ImageTiming(PROCESSED, size, facts.width_px * facts.height_px / 1e6, seconds)
