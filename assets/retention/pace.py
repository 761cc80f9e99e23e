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

LARGE_PORTION = 1000
"""As many keys as one request takes."""
SMALL_PORTION = 100

_LOOK_SECONDS = 1.0
_QUIET_SECONDS = 10.0
_NOT_KNOWN_YET = float("inf")

Key = TypeVar("Key")


@dataclass
class Pace:
    """Divides what is to be deleted into portions, and the time among those that delete.

    While images arrive the portions are small, one is deleted at a time, and each is followed by a
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
    _turn: Lock = field(default_factory=Lock)

    def portions(self, keys: Sequence[Key]) -> Iterator[Sequence[Key]]:
        """Yields the keys in portions, each when its turn has come; they are deleted by then."""
        at = 0
        while at < len(keys):
            if self.share >= 1 or not self._images_arrive():
                yield keys[at : at + LARGE_PORTION]
                at += LARGE_PORTION
                continue
            with self._turn:
                began = self.clock()
                yield keys[at : at + SMALL_PORTION]
                self.rest((self.clock() - began) * (1 / self.share - 1))
            at += SMALL_PORTION

    def _images_arrive(self) -> bool:
        now = self.clock()
        if now - self._looked_at >= _LOOK_SECONDS:
            self._looked_at = now
            landed = self.count_landed()
            if self._landed is not None and landed > self._landed:
                self._busy_until = now + _QUIET_SECONDS
            elif self._landed is not None and self._busy_until == _NOT_KNOWN_YET:
                self._busy_until = now
            self._landed = landed
        return now < self._busy_until


def unhurried(warehouse: Warehouse, share: float) -> Pace:
    """Returns a pace that gives way to what lands in the ledger."""

    def count_landed() -> int:
        with warehouse.connect() as connection:
            [(landed,)] = connection.execute(
                "select coalesce(sum(landed_count), 0) from image_catalog.arrival_count"
            )
        return int(str(landed))

    return Pace(share, count_landed)


def at_once() -> Pace:
    """Returns a pace that gives way to nothing."""
    return Pace(1.0, lambda: 0)
