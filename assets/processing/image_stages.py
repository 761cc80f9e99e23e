"""The path of one image: its original is fetched, processed by a worker, and the result stored.

Each image has a thread of its own, which takes it through all stages (`ImageStages._process`).
Images wait for one another only for room: the bytes of originals and the pixels handed to workers
are bounded.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from queue import Empty, SimpleQueue
from threading import Condition
from typing import Self

from assets.catalog.identity import quarantine_key, rendition_key
from assets.catalog.leases import MAX_ATTEMPTS
from assets.catalog.records import (
    LeasedImage,
    Outcome,
    Processed,
    Rejected,
    RenditionRecord,
    StageSeconds,
)
from assets.platform import Platform
from assets.processing.contract import ProcessedImage, ProcessorFailure
from assets.processing.messages import Result
from assets.processing.recipe import Recipe
from assets.processing.run_summary import DEFERRED, PROCESSED, ImageTiming
from assets.processing.sandbox import Layer
from assets.processing.worker_pool import WorkerPool
from assets.resources.object_store import ObjectMissingError, ObjectUnreadableError
from assets.validation.headers import MAX_IMAGE_PIXELS, pixels_of, reject_size
from assets.validation.reasons import Reason

_THREADS_PER_WORKER = 16
_MIN_BYTES = 64 * 1024
_ASSUMED_PIXELS = 12_000_000
"""Weight of an image whose header is too long to be read: a usual size of telephone cameras."""


FinishedImage = tuple[Outcome | None, ImageTiming]
"""An image that is not in the ledger yet; without an outcome it is left to a later run."""


class BudgetClosedError(Exception):
    """The budget is closed: nothing is admitted any more."""


class Budget:
    """Bounds the weight of all that threads have in flight; a single item may exceed the limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._count = 0
        self._is_closed = False
        self._changed = Condition()
        self.weight = 0

    @contextmanager
    def reserve(self, weight: int) -> Iterator[None]:
        """Waits until an item of that weight fits, and counts it while the block lasts.

        Raises `BudgetClosedError` when the budget is closed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or self._fits(weight))
            if self._is_closed:
                raise BudgetClosedError
            self.weight += weight
            self._count += 1
        try:
            yield
        finally:
            with self._changed:
                self.weight -= weight
                self._count -= 1
                self._changed.notify_all()

    def close(self) -> None:
        """Admits nothing any more; waiting threads raise `BudgetClosedError`."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _fits(self, weight: int) -> bool:
        return self._count == 0 or self.weight + weight <= self._limit


class ImageStages:
    """Takes claimed images through all stages, many at once; open while its block lasts.

    One thread starts images and collects finished ones. Entering the block raises `ProcessorError`
    if the processor fails with the self-test image. Leaving it ends all threads and workers; images
    that are still in flight get no outcome.

    Attributes:
        in_flight: Images that were started and not collected.
    """

    def __init__(self, platform: Platform, recipe: Recipe) -> None:
        self.in_flight = 0
        self._object_store, self._settings = platform.object_store, platform.settings
        self._recipe = recipe
        self._bytes = Budget(self._settings.processing_bytes)
        self._pixels = Budget(self._settings.processing_pixels)
        workers = self._settings.processing_workers
        self._workers = WorkerPool(workers, self._settings.image_processor, recipe)
        self._max_in_flight = _THREADS_PER_WORKER * workers
        self._threads = ThreadPoolExecutor(self._max_in_flight, "image")
        self._done: SimpleQueue[Future[FinishedImage]] = SimpleQueue()
        self._on_exit = ExitStack()

    def __enter__(self) -> Self:
        self._on_exit.callback(self._threads.shutdown, cancel_futures=True)
        self._on_exit.enter_context(self._workers)
        self._on_exit.callback(self._pixels.close)
        self._on_exit.callback(self._bytes.close)
        return self

    def __exit__(self, *_: object) -> None:
        self._on_exit.close()

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers that isolate the workers."""
        return self._workers.layers

    @property
    def has_room(self) -> bool:
        """Whether another image may be started."""
        return self.in_flight < self._max_in_flight

    def start(self, image: LeasedImage) -> None:
        """Starts an image; one that does not fit into the bounds waits in its thread."""
        self.in_flight += 1
        self._threads.submit(self._process, image).add_done_callback(self._done.put)

    def collect(self, timeout: float) -> Iterator[FinishedImage]:
        """Waits up to `timeout` seconds for a finished image; yields it and all others there are.

        Raises whatever stopped an image, such as `ServerUnavailableError` or `ProcessorError`.
        """
        try:
            while True:
                done = self._done.get(timeout=timeout)
                self.in_flight, timeout = self.in_flight - 1, 0
                yield done.result()
        except Empty:
            return

    def _process(self, image: LeasedImage) -> FinishedImage:
        """Processes an image; one that S3 refuses is rejected when it was refused often enough."""
        try:
            return self._process_original(image)
        except ObjectUnreadableError as refused:
            reason, timing = Reason.OBJECT_UNREADABLE, (0, 0.0, StageSeconds(0.0, 0.0))
            if image.claim_count < MAX_ATTEMPTS:
                return None, ImageTiming(DEFERRED, *timing, str(refused))
            rejected = Rejected(image, reason, image.quarantine_key)
            return rejected, ImageTiming(reason.value, *timing, str(refused))

    def _process_original(self, image: LeasedImage) -> FinishedImage:
        with self._bytes.reserve(max(image.size_bytes, _MIN_BYTES)):
            stopwatch = _Stopwatch()
            original = self._fetch(image)
            fetch = stopwatch.lap()
            result = self._decode(image, original, stopwatch)
            turnaround = stopwatch.lap()
            size_bytes = len(original) if isinstance(original, bytes) else 0
            if isinstance(result, ProcessedImage):
                renditions, facts = self._store(image, result), result.facts
                wait = max(0.0, turnaround - result.seconds.total)
                seconds = StageSeconds(fetch, wait, **vars(result.seconds), store=stopwatch.lap())
                recipe, processor = self._recipe.record, result.processor
                megapixels = facts.width_px * facts.height_px / 1e6
                processed = Processed(image, facts, recipe, processor, seconds, renditions)
                return processed, ImageTiming(PROCESSED, size_bytes, megapixels, seconds)
            failure = result.description if isinstance(result, ProcessorFailure) else None
            reason = result if isinstance(result, Reason) else Reason.PROCESSOR_FAILED
            rejected = Rejected(image, reason, self._quarantine(image, original, reason))
            seconds = StageSeconds(fetch, turnaround, store=stopwatch.lap())
            return rejected, ImageTiming(reason.value, size_bytes, 0.0, seconds, failure)

    def _fetch(self, image: LeasedImage) -> bytes | Reason:
        """Returns an original's bytes, or why it is rejected unread."""
        if image.size_bytes and (reason := reject_size(image.size_bytes)):
            return reason
        try:
            return self._object_store.get(*self._location(image))
        except ObjectMissingError:
            return Reason.OBJECT_MISSING

    def _decode(
        self, image: LeasedImage, original: bytes | Reason, stopwatch: _Stopwatch
    ) -> Result:
        """Has a worker process the original; the lap begins when it is handed over."""
        if isinstance(original, Reason):
            return original
        if image.claim_count > MAX_ATTEMPTS:
            return Reason.GAVE_UP
        pixels = min(pixels_of(original) or _ASSUMED_PIXELS, MAX_IMAGE_PIXELS)
        with self._pixels.reserve(pixels):
            stopwatch.lap()
            return self._workers.process(original)

    def _store(self, image: LeasedImage, made: ProcessedImage) -> tuple[RenditionRecord, ...]:
        recipe, bucket = self._recipe, self._settings.processed_bucket
        metadata = {"recipe": recipe.title, "recipe-hash": recipe.hash}
        records = []
        for one in made.renditions:
            key = rendition_key(image.image_id, image.arrived_at, recipe.hash, one.file)
            self._object_store.put(bucket, key, one.body, one.content_type, metadata)
            facts = (one.name, key, one.format, one.width_px, one.height_px, len(one.body))
            records.append(RenditionRecord(*facts))
        return tuple(records)

    def _quarantine(
        self, image: LeasedImage, original: bytes | Reason, reason: Reason
    ) -> str | None:
        """Puts a rejected image's bytes into quarantine and returns their key there.

        Returns None if there are no bytes. An image that was rejected before is there already.
        """
        if reason is Reason.OBJECT_MISSING:
            return None
        if image.quarantine_key is not None:
            return image.quarantine_key
        bucket = self._settings.quarantine_bucket
        key = quarantine_key(image.image_id, image.arrived_at)
        if isinstance(original, bytes):
            self._object_store.put(bucket, key, original, "application/octet-stream")
        else:
            self._object_store.copy(self._location(image), (bucket, key))
        return key

    def _location(self, image: LeasedImage) -> tuple[str, str, str | None]:
        """Returns bucket, key and version of an original: in quarantine if it was rejected once."""
        if image.quarantine_key is not None:
            return self._settings.quarantine_bucket, image.quarantine_key, None
        return self._settings.raw_bucket, image.object_key, image.object_version


class _Stopwatch:
    def __init__(self) -> None:
        self._since = time.perf_counter()

    def lap(self) -> float:
        """Returns the seconds since the last lap."""
        before, self._since = self._since, time.perf_counter()
        return self._since - before
