"""A processing run: it claims a day's images, takes them through the stages and records outcomes.

`BatchRunner.run` claims images, waiting ones first and then those that another recipe has made;
`image_stages` processes them; `OutcomeRecorder` writes what came of them into the ledger, whose
leases a `Heartbeat` renews meanwhile.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from threading import Event
from typing import Self

import psycopg
from psycopg import sql

from assets.catalog import outcomes
from assets.catalog.leases import LeaseRequest, claim, release_leases, renew_leases
from assets.catalog.records import LeasedImage, Outcome, Rejected
from assets.catalog.visibility import VISIBLE
from assets.errors import ItemRefusedError, ServerError
from assets.platform import Platform
from assets.processing.contract import ProcessorError
from assets.processing.image_stages import FinishedImage, ImageStages
from assets.processing.recipe import Recipe
from assets.processing.replaced import delete_replaced
from assets.processing.run_summary import DEFERRED, ImageTiming, RunSummary
from assets.resources.postgres_errors import describe, meaning
from assets.resources.warehouse import Connection, Warehouse, read_values
from assets.timing import utc_now

LEASE_DURATION = timedelta(seconds=90)
"""How long a dead run keeps its images; a run that is alive renews its leases all the time."""

_HEARTBEATS_PER_LEASE = 3
_CLAIM_BATCH_SIZE = 100
_POLL_SECONDS = 0.25
_GROUP_SIZE = 200
_GROUP_SECONDS = 0.5
_NO_FAULT_OF_AN_IMAGE = (ServerError, ProcessorError)
_VISIBLE_OF = sql.SQL(
    "select image_id from image_catalog.image where image_id = any(%s::uuid[]) and {}"
).format(VISIBLE)


@dataclass(frozen=True)
class BatchRunner:
    """Processes a day's images by one recipe; leases last `lease` without a heartbeat."""

    platform: Platform
    recipe: Recipe
    lease: timedelta = LEASE_DURATION

    def run(self, day: date, run_id: str) -> RunSummary:
        """Processes a day's images until none has come for a while or the time is used up.

        Raises whatever stopped the run, such as `ServerUnavailableError` when a server goes away
        or `ProcessorError` when the processor can process nothing. What has been recorded stays;
        the other images are released.
        """
        delete_replaced(self.platform)
        request = LeaseRequest(day, run_id, self.lease, self.recipe.hash)
        warehouse = self.platform.warehouse
        try:
            with (
                Heartbeat(warehouse, run_id, self.lease) as heartbeat,
                warehouse.connect() as connection,
                OutcomeRecorder(self.platform, connection, run_id) as recorder,
                ImageStages(self.platform, self.recipe) as stages,
            ):
                recorder.summary.layers = stages.layers
                self._process_until_idle(_Claims(connection, request), stages, recorder, heartbeat)
        except BaseException as error:
            # No image takes down a server or the whole processor, or asks a run to stop.
            counts = isinstance(error, Exception) and not isinstance(error, _NO_FAULT_OF_AN_IMAGE)
            with warehouse.connect() as connection:
                release_leases(connection, run_id, counts_as_attempt=counts)
            raise
        delete_replaced(self.platform)
        return recorder.summary

    def _process_until_idle(
        self, claims: _Claims, stages: ImageStages, recorder: OutcomeRecorder, heartbeat: Heartbeat
    ) -> None:
        settings = self.platform.settings
        began = idle_since = time.monotonic()
        while True:
            heartbeat.check()
            now = time.monotonic()
            is_time_left = now - began < settings.run_budget_seconds
            while stages.has_room and (image := claims.next(may_claim=is_time_left)):
                stages.start(image)
            if stages.in_flight:
                for finished in stages.collect(_POLL_SECONDS):
                    recorder.add(finished)
                recorder.write(is_last=not stages.in_flight)
                idle_since = time.monotonic()
                recorder.summary.busy_seconds += idle_since - now
            elif is_time_left and now - idle_since < settings.run_linger_seconds:
                time.sleep(_POLL_SECONDS)
            else:
                return


@dataclass
class _Claims:
    """Claims images in batches: what waits, then once what another recipe has made."""

    connection: Connection
    request: LeaseRequest
    _claimed: deque[LeasedImage] = field(default_factory=deque)
    _has_outdated: bool = True
    _claim_again_at: float = 0.0

    def next(self, *, may_claim: bool) -> LeasedImage | None:
        """Returns the next image; None if there is none at present."""
        if not self._claimed and may_claim and time.monotonic() >= self._claim_again_at:
            self._claimed.extend(self._claim())
            if not self._claimed:
                self._claim_again_at = time.monotonic() + _POLL_SECONDS
        return self._claimed.popleft() if self._claimed else None

    def _claim(self) -> list[LeasedImage]:
        claimed = claim(self.connection, self.request, _CLAIM_BATCH_SIZE)
        if not claimed and self._has_outdated:
            claimed = claim(self.connection, self.request, _CLAIM_BATCH_SIZE, outdated=True)
            self._has_outdated = bool(claimed)
        self.connection.commit()
        return claimed


class OutcomeRecorder:
    """Writes outcomes into the ledger, in groups, and sums them up; the rest at the block's end."""

    def __init__(self, platform: Platform, connection: Connection, run_id: str) -> None:
        self.summary = RunSummary()
        self._platform, self._connection, self._run_id = platform, connection, run_id
        self._pending: list[tuple[Outcome, ImageTiming]] = []
        self._pending_since = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._connection.rollback()
        self.write(is_last=True)

    def add(self, finished: FinishedImage) -> None:
        """Takes a finished image; one without an outcome waits until its lease expires."""
        outcome, timing = finished
        if outcome is None:
            self.summary.add(timing)
            return
        if not self._pending:
            self._pending_since = time.monotonic()
        self._pending.append((outcome, timing))

    def write(self, *, is_last: bool) -> None:
        """Writes what is pending if it is worth a transaction or nothing else is in flight."""
        age = time.monotonic() - self._pending_since
        while self._pending and (
            is_last or age >= _GROUP_SECONDS or len(self._pending) >= _GROUP_SIZE
        ):
            group, self._pending = self._pending[:_GROUP_SIZE], self._pending[_GROUP_SIZE:]
            self._write_group(group)

    def _write_group(self, group: Sequence[tuple[Outcome, ImageTiming]]) -> None:
        """Writes outcomes; one with a value that PostgreSQL refuses is left to a later run."""
        recorded = [outcome for outcome, _ in group]
        key = self._platform.settings.erasure_key
        try:
            written = outcomes.write(self._connection, self._run_id, recorded, utc_now(), key)
        except psycopg.Error as error:
            if meaning(error) is not ItemRefusedError:
                raise
            self._connection.rollback()
            if len(group) > 1:
                for one in group:
                    self._write_group([one])
            else:
                failure = f"PostgreSQL refuses the outcome: {describe(error)}"
                self.summary.add(replace(group[0][1], outcome=DEFERRED, failure=failure))
            return
        if written < len(group):
            self.summary.lost += len(group) - written
            self._delete_objects_of_invisible_images(recorded)
        self._connection.commit()
        for _, timing in group:
            self.summary.add(timing)

    def _delete_objects_of_invisible_images(self, group: Sequence[Outcome]) -> None:
        """Deletes what was stored for images that expired or were withdrawn meanwhile.

        What another run has stored for a visible image stays: it has the same keys.
        """
        ids = [outcome.leased.image_id for outcome in group]
        visible = set(read_values(self._connection, _VISIBLE_OF, [ids]))
        settings = self._platform.settings
        for outcome in group:
            if outcome.leased.image_id in visible:
                continue
            if isinstance(outcome, Rejected):
                bucket, keys = settings.quarantine_bucket, [outcome.quarantine_key]
            else:
                bucket = settings.processed_bucket
                keys = [rendition.object_key for rendition in outcome.renditions]
            self._platform.object_store.delete(bucket, [(key, None) for key in keys if key])


class Heartbeat:
    """Renews a run's leases three times per lease duration, in a thread, while its block lasts."""

    def __init__(self, warehouse: Warehouse, run_id: str, lease: timedelta) -> None:
        self._warehouse, self._run_id, self._lease = warehouse, run_id, lease
        self._is_over = Event()
        self._thread = ThreadPoolExecutor(1, "heartbeat")

    def __enter__(self) -> Self:
        self._beating = self._thread.submit(self._renew_until_over)
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.shutdown()

    def check(self) -> None:
        """Raises what has stopped the heartbeat, if anything has."""
        if self._beating.done():
            self._beating.result()

    def _renew_until_over(self) -> None:
        with self._warehouse.connect() as connection:
            connection.execute("set application_name to 'heartbeat'")
            connection.commit()
            while not self._is_over.wait(self._lease.total_seconds() / _HEARTBEATS_PER_LEASE):
                renew_leases(connection, self._run_id, self._lease)
                connection.commit()
