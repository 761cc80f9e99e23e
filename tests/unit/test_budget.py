"""What is in flight stays within its budget; one thing goes whatever it weighs."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.processing.budget import Budget, BudgetClosedError


def test_what_fits_is_let_in() -> None:
    budget = Budget(10)
    budget.take(4)
    budget.take(6)
    assert budget.weight == 10


def test_one_thing_alone_is_let_in_whatever_it_weighs() -> None:
    budget = Budget(10)
    budget.take(11)
    assert budget.weight == 11


def waiting(budget: Budget, weight: int, threads: ThreadPoolExecutor) -> Future[None]:
    """Something that waits for room, as far as can be told."""
    future = threads.submit(budget.take, weight)
    with pytest.raises(TimeoutError):
        future.result(timeout=0.05)
    return future


def test_what_does_not_fit_waits_until_it_does() -> None:
    budget = Budget(10)
    budget.take(6)
    with ThreadPoolExecutor(1) as threads:
        future = waiting(budget, 5, threads)
        budget.release(6)
        future.result()
    assert budget.weight == 5


def test_who_waits_is_let_go_when_the_budget_is_stopped() -> None:
    budget = Budget(10)
    budget.take(6)
    with ThreadPoolExecutor(1) as threads:
        future = waiting(budget, 5, threads)
        budget.stop()
        with pytest.raises(BudgetClosedError):
            future.result()


def test_a_stopped_budget_lets_nothing_in() -> None:
    budget = Budget(10)
    budget.stop()
    with pytest.raises(BudgetClosedError):
        budget.take(1)


@given(st.integers(1, 50), st.lists(st.integers(0, 60), max_size=40))
def test_many_threads_never_have_more_in_flight_than_allowed(most: int, weights: list[int]) -> None:
    budget, lock = Budget(most), Lock()
    held: list[int] = []

    def work(weight: int) -> None:
        budget.take(weight)
        with lock:
            held.append(weight)
            assert len(held) == 1 or sum(held) <= most
        with lock:
            held.remove(weight)
        budget.release(weight)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, weights))
    assert budget.weight == 0
