"""A run's work on one day: what waits becomes renditions, then what another recipe has made."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date, timedelta

from assets.catalog.leases import (
    LeaseRequest,
    claim_outdated,
    claim_waiting,
    release_leases,
)
from assets.catalog.records import LeasedImage
from assets.errors import ServerError
from assets.processing.entry_point import ProcessorError
from assets.processing.heartbeat import heartbeat
from assets.processing.image_stages import ImageStages
from assets.processing.image_storage import ImageStorage
from assets.processing.recipe import Recipe
from assets.processing.replaced import delete_replaced
from assets.processing.tally import Tally
from assets.resources.object_store import ObjectStore
from assets.resources.warehouse import Connection, Warehouse
from assets.settings import Settings

LEASE_DURATION = timedelta(seconds=90)
"""How long a dead run's images stay in its hands; a run that lives renews them all the time."""

_CLAIM_BATCH_SIZE = 100
_POLL_SECONDS = 0.25
_UNCOUNTED_ERRORS = (ServerError, ProcessorError)


@dataclass(frozen=True)
class BatchRunner:
    """The way from the raw bucket to the processed bucket and the catalogue."""

    settings: Settings
    object_store: ObjectStore
    warehouse: Warehouse
    recipe: Recipe
    lease: timedelta = LEASE_DURATION

    def run(self, day: date, run_id: str) -> Tally:
        """Processes a day's images until none has come for a while or the time is used up.

        Raises whatever stopped it, such as `ServerUnavailableError` when a server goes away or
        `ProcessorError` when the processor can process nothing; what was finished stays, and the
        rest waits again.
        """
        self._delete_replaced()
        lease_request = LeaseRequest(day, run_id, self.lease, self.recipe.hash)
        line = ImageStages(
            ImageStorage(self.settings, self.object_store, self.recipe), self.warehouse, run_id
        )
        try:
            with heartbeat(self.warehouse, run_id, self.lease, line.fail), line:
                self._process_until_idle(line, _ClaimSource(lease_request))
        except BaseException as error:
            # No image takes a server or the whole processor down, or asks a run to stop.
            counts = isinstance(error, Exception) and not isinstance(error, _UNCOUNTED_ERRORS)
            with self.warehouse.connect() as connection:
                release_leases(connection, run_id, counts_as_attempt=counts)
            raise
        self._delete_replaced()
        return line.recorder.tally

    def _process_until_idle(self, line: ImageStages, source: _ClaimSource) -> None:
        begun = idle_since = time.monotonic()
        with self.warehouse.connect() as connection:
            while time.monotonic() - begun < self.settings.run_budget_seconds:
                taken = source.take(connection)
                for claim in taken:
                    line.start(claim)
                if taken or line.recorder.in_flight:
                    idle_since = time.monotonic()
                elif time.monotonic() - idle_since >= self.settings.run_linger_seconds:
                    break
                if not taken:
                    line.check()
                    time.sleep(_POLL_SECONDS)
        line.finish()

    def _delete_replaced(self) -> None:
        delete_replaced(self.warehouse, self.object_store, self.settings.processed_bucket)


@dataclass
class _ClaimSource:
    """What a run takes of a day: what waits, then once what another recipe has made."""

    lease_request: LeaseRequest
    has_outdated: bool = True

    def take(self, connection: Connection) -> list[LeasedImage]:
        """Takes the next images; none when there are none."""
        taken = claim_waiting(connection, self.lease_request, _CLAIM_BATCH_SIZE)
        if not taken and self.has_outdated:
            taken = claim_outdated(connection, self.lease_request, _CLAIM_BATCH_SIZE)
            self.has_outdated = bool(taken)
        connection.commit()
        return taken
