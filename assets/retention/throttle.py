"""Who goes first: while images arrive, a purge deletes little at a time and rests in between.

Deleting is the cheapest work for who asks and the dearest for the object store, which answers
nobody else meanwhile; unrestrained it would take the store from the doors.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import TypeVar

from assets.resources.warehouse import Warehouse

UNTHROTTLED_BATCH_KEYS = 1000
"""As many keys as one request takes."""
THROTTLED_BATCH_KEYS = 100

_POLL_SECONDS = 1.0
_QUIET_SECONDS = 10.0
_NOT_KNOWN_YET = float("inf")

Key = TypeVar("Key")


@dataclass
class DeletionThrottle:
    """Divides what is to be deleted into batches, and the time among those that delete.

    While images arrive the batches are small, one is deleted at a time, and each is followed by a
    rest. Until two looks have seen no image arrive, some are taken to.

    Attributes:
        share: Part of the time for deleting while images arrive; 1: all of it, whatever arrives.
        count_landed: Returns how many images have arrived until now.
        clock: Tells seconds that never go back.
        rest: Waits for so many seconds.
    """

    share: float
    count_landed: Callable[[], int]
    clock: Callable[[], float] = time.monotonic
    rest: Callable[[float], None] = time.sleep
    _landed: int | None = None
    _looked_at: float = float("-inf")
    _busy_until: float = _NOT_KNOWN_YET
    _deleting: Lock = field(default_factory=Lock)

    def batches(self, keys: Sequence[Key]) -> Iterator[Sequence[Key]]:
        """Yields the keys in batches, each when its turn has come; they are deleted by then."""
        at = 0
        while at < len(keys):
            if self.share >= 1 or not self._is_ingesting():
                yield keys[at : at + UNTHROTTLED_BATCH_KEYS]
                at += UNTHROTTLED_BATCH_KEYS
                continue
            with self._deleting:
                began = self.clock()
                yield keys[at : at + THROTTLED_BATCH_KEYS]
                self.rest((self.clock() - began) * (1 / self.share - 1))
            at += THROTTLED_BATCH_KEYS

    def _is_ingesting(self) -> bool:
        now = self.clock()
        if now - self._looked_at >= _POLL_SECONDS:
            self._looked_at = now
            landed = self.count_landed()
            if self._landed is not None and landed > self._landed:
                self._busy_until = now + _QUIET_SECONDS
            elif self._landed is not None and self._busy_until == _NOT_KNOWN_YET:
                self._busy_until = now
            self._landed = landed
        return now < self._busy_until


def throttle_during_arrivals(warehouse: Warehouse, share: float) -> DeletionThrottle:
    """Returns a throttle that gives way to what lands in the ledger."""

    def count_landed() -> int:
        with warehouse.connect() as connection:
            [(landed,)] = connection.execute(
                "select coalesce(sum(landed_count), 0) from image_catalog.arrival_count"
            )
        return int(str(landed))

    return DeletionThrottle(share, count_landed)


def unthrottled() -> DeletionThrottle:
    """Returns a throttle that gives way to nothing."""
    return DeletionThrottle(1.0, lambda: 0)
