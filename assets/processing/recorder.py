"""Outcomes on their way into the ledger: in groups, by a thread with a connection of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from threading import Condition, Thread

from assets.catalog import outcomes
from assets.catalog.records import Outcome
from assets.catalog.visibility import VISIBLE
from assets.processing.image_storage import ImageStorage
from assets.processing.tally import ImageTiming, Tally
from assets.resources.warehouse import Connection, Warehouse
from assets.timing import utc_now

_GROUP_IMAGES = 200
_GROUP_SECONDS = 0.5

_Done = tuple[Outcome, ImageTiming]


class Recorder:
    """Writes outcomes: at once when nothing else is in hand, otherwise in groups.

    Args:
        warehouse: Where the ledger is.
        pipeline: Deletes what belongs to no image any more.
        run_id: Who must still hold the images.
        fail: Called when the ledger cannot be written; no outcome is taken after it.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        pipeline: ImageStorage,
        run_id: str,
        fail: Callable[[BaseException], None],
    ) -> None:
        self.tally = Tally()
        self._warehouse, self._storage, self._run_id = warehouse, pipeline, run_id
        self._fail = fail
        self._in_flight = 0
        self._busy_since = 0.0
        self._done: list[_Done] = []
        self._is_closing = False
        self._changed = Condition()
        self._thread = Thread(target=self._record, name="recorder", daemon=True)

    def __enter__(self) -> Recorder:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Writes what is done, and ends; what is not done stays claimed."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._thread.join()

    @property
    def in_flight(self) -> int:
        """Images that were begun and are not in the ledger yet."""
        return self._in_flight

    def begin(self) -> None:
        """Counts an image as in hand."""
        with self._changed:
            if self._in_flight == 0:
                self._busy_since = time.perf_counter()
            self._in_flight += 1

    def add(self, outcome: Outcome, timing: ImageTiming) -> None:
        """Takes the outcome of an image in hand."""
        with self._changed:
            self._done.append((outcome, timing))
            self._changed.notify_all()

    def wait(self, seconds: float) -> None:
        """Waits until nothing is in hand any more, at most so long."""
        with self._changed:
            self._changed.wait_for(lambda: self._in_flight == 0, seconds)

    def _record(self) -> None:
        try:
            with self._warehouse.connect() as connection:
                while group := self._next_group():
                    self._write(connection, group)
                    connection.commit()
                    self._mark_recorded(group)
        except Exception as error:  # noqa: BLE001 - the run raises it
            self._fail(error)

    def _next_group(self) -> list[_Done]:
        """Waits for a group that is worth a transaction; returns none when it is to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._done or self._is_closing)
            self._changed.wait_for(self._is_group_ready, _GROUP_SECONDS)
            group, self._done = self._done[:_GROUP_IMAGES], self._done[_GROUP_IMAGES:]
        return group

    def _is_group_ready(self) -> bool:
        done = len(self._done)
        return done >= _GROUP_IMAGES or done == self._in_flight or self._is_closing

    def _write(self, connection: Connection, group: Sequence[_Done]) -> None:
        said = [outcome for outcome, _ in group]
        written = outcomes.write(connection, self._run_id, said, utc_now())
        if written < len(group):
            self.tally.lost += len(group) - written
            for outcome in _outcomes_without_image(connection, said):
                self._storage.delete(outcome)

    def _mark_recorded(self, group: Sequence[_Done]) -> None:
        with self._changed:
            for _, timing in group:
                self.tally.add(timing)
            self._in_flight -= len(group)
            if self._in_flight == 0:
                self.tally.busy_seconds += time.perf_counter() - self._busy_since
            self._changed.notify_all()


def _outcomes_without_image(connection: Connection, said: Sequence[Outcome]) -> list[Outcome]:
    """Returns outcomes of images that are to be gone, or are; another run's are at home."""
    ids = [outcome.claim.image_id for outcome in said]
    rows = connection.execute(
        f"select image_id from image_catalog.image where image_id = any(%s::uuid[]) and {VISIBLE}",  # noqa: S608 - the condition is the project's own
        [ids],
    )
    visible = {row[0] for row in rows}
    return [outcome for outcome in said if outcome.claim.image_id not in visible]
