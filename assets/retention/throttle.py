"""The throttle: while images arrive, a purge deletes in small batches and pauses between them.

A deletion costs the client little and the object store much: it answers nothing else meanwhile. An
unlimited purge would slow down ingestion.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import TypeVar

UNTHROTTLED_BATCH_SIZE = 1000
"""Objects that one request to S3 can delete."""
THROTTLED_BATCH_SIZE = 100

_POLL_SECONDS = 1.0
_QUIET_SECONDS = 10.0
_UNKNOWN = float("inf")

Item = TypeVar("Item")


@dataclass
class DeletionThrottle:
    """Divides items into batches, and shares the time of the object store among threads.

    While images arrive, batches are small, one is deleted at a time, and each is followed by a
    pause. Arrivals are assumed until two polls have found none.

    Attributes:
        share: Share of the time for deletion while images arrive; 1 disables the throttle.
        count_landed: Returns how many images have arrived so far.
    """

    share: float = 1.0
    count_landed: Callable[[], int] = lambda: 0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _landed: int | None = None
    _polled_at: float = float("-inf")
    _busy_until: float = _UNKNOWN
    _deleting: Lock = field(default_factory=Lock)

    def batches(self, items: Sequence[Item]) -> Iterator[Sequence[Item]]:
        """Yields items in batches, each when it may be deleted; the caller deletes it at once."""
        start = 0
        while start < len(items):
            if self.share >= 1 or not self._is_ingesting():
                yield items[start : start + UNTHROTTLED_BATCH_SIZE]
                start += UNTHROTTLED_BATCH_SIZE
                continue
            with self._deleting:
                began = self.clock()
                yield items[start : start + THROTTLED_BATCH_SIZE]
                self.sleep((self.clock() - began) * (1 / self.share - 1))
            start += THROTTLED_BATCH_SIZE

    def _is_ingesting(self) -> bool:
        now = self.clock()
        if now - self._polled_at >= _POLL_SECONDS:
            self._polled_at = now
            landed = self.count_landed()
            if self._landed is not None and landed > self._landed:
                self._busy_until = now + _QUIET_SECONDS
            elif self._landed is not None and self._busy_until == _UNKNOWN:
                self._busy_until = now
            self._landed = landed
        return now < self._busy_until
