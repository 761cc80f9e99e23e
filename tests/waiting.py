"""Waiting for what other processes and threads do."""

import time
from collections.abc import Callable

_SECONDS = 300.0
"""Long enough for a machine that is slow and does other work; only a test that fails waits so."""


def wait_until(is_true: Callable[[], object], what: str) -> None:
    """Asks again and again. Raises `TimeoutError` when it does not become true in five minutes."""
    deadline = time.monotonic() + _SECONDS
    while not is_true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {_SECONDS:.0f} s for {what}")
        time.sleep(0.1)
