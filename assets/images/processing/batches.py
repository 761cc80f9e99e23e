"""A run's work on one day: what waits becomes renditions, then what another recipe has made."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date, timedelta

from assets.images.claims import Taker, give_back, take_outdated, take_waiting
from assets.images.processing.entry_point import ProcessorError
from assets.images.processing.heartbeat import heartbeat
from assets.images.processing.line import Line
from assets.images.processing.pipeline import Pipeline
from assets.images.processing.recipe import Recipe
from assets.images.processing.replaced import delete_replaced
from assets.images.processing.tally import Tally
from assets.images.records import Claim
from assets.resources.errors import ServerError
from assets.resources.object_store import ObjectStore
from assets.resources.warehouse import Connection, Warehouse
from assets.settings import Settings

LEASE = timedelta(seconds=90)
"""How long a dead run's images stay in its hands; a run that lives renews them all the time."""

_CLAIMED_AT_ONCE = 100
_LOOK_SECONDS = 0.25
_BLAMELESS = (ServerError, ProcessorError)


@dataclass(frozen=True)
class Processing:
    """The way from the raw bucket to the processed bucket and the catalogue."""

    settings: Settings
    object_store: ObjectStore
    warehouse: Warehouse
    recipe: Recipe
    lease: timedelta = LEASE

    def run(self, day: date, run_id: str) -> Tally:
        """Processes a day's images until none has come for a while or the time is used up.

        Raises whatever stopped it, such as `ServerUnavailableError` when a server goes away or
        `ProcessorError` when the processor can process nothing; what was finished stays, and the
        rest waits again.
        """
        self._delete_replaced()
        taker = Taker(day, run_id, self.lease, self.recipe.hash)
        line = Line(Pipeline(self.settings, self.object_store, self.recipe), self.warehouse, run_id)
        try:
            with heartbeat(self.warehouse, run_id, self.lease, line.fail), line:
                self._work_off(line, _Source(taker))
        except BaseException as error:
            # No image takes a server or the whole processor down, or asks a run to stop.
            is_blameless = not isinstance(error, Exception) or isinstance(error, _BLAMELESS)
            with self.warehouse.connect() as connection:
                give_back(connection, run_id, is_blameless=is_blameless)
            raise
        self._delete_replaced()
        return line.recorder.tally

    def _work_off(self, line: Line, source: _Source) -> None:
        begun = idle_since = time.monotonic()
        with self.warehouse.connect() as connection:
            while time.monotonic() - begun < self.settings.run_budget_seconds:
                taken = source.take(connection)
                for claim in taken:
                    line.start(claim)
                if taken or line.recorder.in_hand:
                    idle_since = time.monotonic()
                elif time.monotonic() - idle_since >= self.settings.run_linger_seconds:
                    break
                if not taken:
                    line.check()
                    time.sleep(_LOOK_SECONDS)
        line.finish()

    def _delete_replaced(self) -> None:
        delete_replaced(self.warehouse, self.object_store, self.settings.processed_bucket)


@dataclass
class _Source:
    """What a run takes of a day: what waits, then once what another recipe has made."""

    taker: Taker
    may_be_outdated: bool = True

    def take(self, connection: Connection) -> list[Claim]:
        """Takes the next images; none when there are none."""
        taken = take_waiting(connection, self.taker, _CLAIMED_AT_ONCE)
        if not taken and self.may_be_outdated:
            taken = take_outdated(connection, self.taker, _CLAIMED_AT_ONCE)
            self.may_be_outdated = bool(taken)
        connection.commit()
        return taken
