"""Waiting images of one day made into renditions, in batches claimed from the ledger."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta

from assets.images import claims, identity, outcomes
from assets.images.processing.recipe import Recipe
from assets.images.processing.result import ProcessedImage, Rendition
from assets.images.processing.workers import Workers, workers
from assets.images.records import (
    Claim,
    Outcome,
    Processed,
    Rejected,
    RenditionRecord,
    StageSeconds,
)
from assets.images.validation import Reason, reject_size
from assets.resources.errors import ServerError
from assets.resources.object_store import ObjectMissingError, ObjectStore
from assets.resources.warehouse import Warehouse
from assets.settings import Settings
from assets.timing import utc_now

BATCH_IMAGES = 100
"""Images claimed and finished together: what a killed run does again at most."""

LEASE = timedelta(minutes=3)

_THREADS_PER_WORKER = 3
_IDLE_SECONDS = 0.5


@dataclass(frozen=True)
class ImageTiming:
    """How one image fared; it names no image.

    Attributes:
        outcome: `processed`, or the reason of the rejection.
        megapixels: Size of the original; 0 where that is not known.
        fetch_seconds: Reading the original from the raw bucket.
        work_seconds: Waiting for a worker, and its work.
        store_seconds: Writing renditions, or the original to quarantine.
    """

    outcome: str
    size_bytes: int
    megapixels: float
    fetch_seconds: float
    work_seconds: float
    store_seconds: float


@dataclass(frozen=True)
class Processing:
    """The way from the raw bucket to the processed bucket and the catalogue."""

    settings: Settings
    object_store: ObjectStore
    warehouse: Warehouse
    recipe: Recipe

    def run(self, day: date, run_id: str) -> list[ImageTiming]:
        """Processes a day's waiting images until none has come for a while or the time is used up.

        Raises `ServerUnavailableError` when a server goes away; what was finished stays, and the
        rest of the batch waits again.
        """
        timings: list[ImageTiming] = []
        budget_ends = time.monotonic() + self.settings.run_budget_seconds
        with (
            workers(
                self.settings.processing_workers, self.settings.image_processor, self.recipe
            ) as pool,
            ThreadPoolExecutor(_THREADS_PER_WORKER * self.settings.processing_workers) as threads,
        ):
            idle_since = time.monotonic()
            while time.monotonic() < budget_ends:
                claims = self._claim(day, run_id)
                if claims:
                    timings += self._process_batch(claims, run_id, pool, threads)
                    idle_since = time.monotonic()
                elif time.monotonic() - idle_since >= self.settings.run_linger_seconds:
                    break
                else:
                    time.sleep(_IDLE_SECONDS)
        return timings

    def _claim(self, day: date, run_id: str) -> list[Claim]:
        with self.warehouse.connect() as connection:
            return claims.take(connection, day, run_id, LEASE, BATCH_IMAGES)

    def _process_batch(
        self, claims: Sequence[Claim], run_id: str, pool: Workers, threads: ThreadPoolExecutor
    ) -> list[ImageTiming]:
        done: Sequence[tuple[Outcome, ImageTiming]] = ()
        try:
            done = list(threads.map(lambda claim: self._process(claim, pool), claims))
            with self.warehouse.connect() as connection:
                outcomes.write(connection, run_id, [outcome for outcome, _ in done], utc_now())
        except BaseException as error:
            # No image takes a server down, or asks a run to stop.
            is_blameless = isinstance(error, ServerError) or not isinstance(error, Exception)
            with self.warehouse.connect() as connection:
                claims.give_back(connection, run_id, is_blameless=is_blameless)
            raise
        return [timing for _, timing in done]

    def _process(self, claim: Claim, pool: Workers) -> tuple[Outcome, ImageTiming]:
        started = time.perf_counter()
        body = self._fetch(claim)
        fetched = time.perf_counter()
        result = self._result(claim, body, pool)
        worked = time.perf_counter()
        if isinstance(result, ProcessedImage):
            renditions = self._store(claim, result)
            inside = result.seconds
            seconds = StageSeconds(
                fetch=fetched - started,
                wait=max(0.0, worked - fetched - inside.total),
                work=inside,
                store=time.perf_counter() - worked,
            )
            outcome: Outcome = Processed(
                claim, result.facts, self.recipe, result.processor, seconds, renditions
            )
        else:
            outcome = self._reject(claim, body, result)
        timing = ImageTiming(
            outcome=outcome.reason.value if isinstance(outcome, Rejected) else "processed",
            size_bytes=len(body or b""),
            megapixels=_megapixels(result),
            fetch_seconds=fetched - started,
            work_seconds=worked - fetched,
            store_seconds=time.perf_counter() - worked,
        )
        return outcome, timing

    def _fetch(self, claim: Claim) -> bytes | None:
        if claim.size_bytes and reject_size(claim.size_bytes):
            return None
        try:
            return self.object_store.get(*self._original(claim))
        except ObjectMissingError:
            return None

    def _result(self, claim: Claim, body: bytes | None, pool: Workers) -> ProcessedImage | Reason:
        if body is None:
            return reject_size(claim.size_bytes) or Reason.OBJECT_MISSING
        if claim.claim_count > claims.MAX_CLAIMS:
            return Reason.GAVE_UP
        return pool.result(pool.submit(body), body)

    def _reject(self, claim: Claim, body: bytes | None, reason: Reason) -> Rejected:
        """Puts a rejected image's bytes into quarantine; the ledger is told only afterwards."""
        if reason is Reason.OBJECT_MISSING:
            return Rejected(claim, reason, None)
        if claim.quarantine_key is not None:
            return Rejected(claim, reason, claim.quarantine_key)
        key = identity.quarantine_key(claim.image_id, claim.arrived_at)
        if body is None:
            self.object_store.copy(self._original(claim), (self.settings.quarantine_bucket, key))
        else:
            bucket = self.settings.quarantine_bucket
            self.object_store.put(bucket, key, body, "application/octet-stream")
        return Rejected(claim, reason, key)

    def _original(self, claim: Claim) -> tuple[str, str, str | None]:
        """Returns where the bytes are: in quarantine, if the image was rejected once before."""
        if claim.quarantine_key is not None:
            return self.settings.quarantine_bucket, claim.quarantine_key, None
        return self.settings.raw_bucket, claim.object_key, claim.object_version

    def _store(self, claim: Claim, image: ProcessedImage) -> tuple[RenditionRecord, ...]:
        """Stores the renditions; the ledger is told only afterwards."""
        return tuple(self._store_one(claim, rendition) for rendition in image.renditions)

    def _store_one(self, claim: Claim, rendition: Rendition) -> RenditionRecord:
        key = identity.rendition_key(
            claim.image_id, claim.arrived_at, self.recipe.hash, rendition.file
        )
        self.object_store.put(
            self.settings.processed_bucket, key, rendition.body, rendition.content_type
        )
        return RenditionRecord(
            name=rendition.name,
            object_key=key,
            format=rendition.format,
            width_px=rendition.width_px,
            height_px=rendition.height_px,
            size_bytes=len(rendition.body),
        )


def _megapixels(result: ProcessedImage | Reason) -> float:
    if isinstance(result, ProcessedImage):
        return result.facts.width_px * result.facts.height_px / 1e6
    return 0.0
