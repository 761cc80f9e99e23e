"""A bound on what is in flight, by weight rather than by count."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


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
