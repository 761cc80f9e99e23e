"""What is in flight stays within its budget; a single item may exceed it."""

from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.processing.image_stages import Budget, BudgetClosedError


def test_what_fits_is_admitted() -> None:
    budget = Budget(10)
    with budget.reserve(4), budget.reserve(6):
        assert budget.weight == 10
    assert budget.weight == 0


def test_a_single_item_is_admitted_whatever_its_weight() -> None:
    budget = Budget(10)
    with budget.reserve(11):
        assert budget.weight == 11


def test_an_item_that_fails_is_no_longer_counted() -> None:
    budget = Budget(10)
    with pytest.raises(KeyError), budget.reserve(6):
        raise KeyError
    assert budget.weight == 0


def enter(budget: Budget, weight: int) -> int:
    with budget.reserve(weight):
        return budget.weight


def waiting(budget: Budget, weight: int, threads: ThreadPoolExecutor) -> Future[int]:
    """A reservation that waits, as far as can be seen in a twentieth of a second."""
    future = threads.submit(enter, budget, weight)
    with pytest.raises(TimeoutError):
        future.result(timeout=0.05)
    return future


def test_what_does_not_fit_waits_until_it_does() -> None:
    budget = Budget(10)
    with ThreadPoolExecutor(1) as threads:
        with budget.reserve(6):
            future = waiting(budget, 5, threads)
        assert future.result() == 5


def test_who_waits_is_released_when_the_budget_is_closed() -> None:
    budget = Budget(10)
    with budget.reserve(6), ThreadPoolExecutor(1) as threads:
        future = waiting(budget, 5, threads)
        budget.close()
        with pytest.raises(BudgetClosedError):
            future.result()


def test_a_closed_budget_admits_nothing() -> None:
    budget = Budget(10)
    budget.close()
    with pytest.raises(BudgetClosedError):
        enter(budget, 1)


@given(st.integers(1, 50), st.lists(st.integers(0, 60), max_size=40))
def test_many_threads_never_have_more_in_flight_than_allowed(
    limit: int, weights: list[int]
) -> None:
    budget, lock = Budget(limit), Lock()
    in_flight: list[int] = []

    def work(weight: int) -> None:
        with budget.reserve(weight):
            with lock:
                in_flight.append(weight)
                assert len(in_flight) == 1 or sum(in_flight) <= limit
            with lock:
                in_flight.remove(weight)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, weights))
    assert budget.weight == 0
