"""What is in flight at once, bounded by what it weighs and not by how many there are."""

from __future__ import annotations

from threading import Condition


class BudgetClosedError(Exception):
    """Nothing is let in any more: the run ends."""


class Budget:
    """So much may be in flight; one thing alone is let in whatever it weighs.

    Args:
        most: How much all that is in flight may weigh together, in bytes or pixels.
    """

    def __init__(self, most: int) -> None:
        self._max = most
        self._weight = 0
        self._count = 0
        self._is_stopped = False
        self._changed = Condition()

    @property
    def weight(self) -> int:
        """What is in flight weighs so much."""
        return self._weight

    def take(self, weight: int) -> None:
        """Waits until something of that weight may be in flight, and counts it.

        Raises `BudgetClosedError` when the budget is stopped.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._is_stopped or self._has_room(weight))
            if self._is_stopped:
                raise BudgetClosedError
            self._weight += weight
            self._count += 1

    def release(self, weight: int) -> None:
        """Counts something as no longer in flight."""
        with self._changed:
            self._weight -= weight
            self._count -= 1
            self._changed.notify_all()

    def stop(self) -> None:
        """Lets nothing in any more, and those who wait go."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()

    def _has_room(self, weight: int) -> bool:
        return self._count == 0 or self._weight + weight <= self._max
