"""Waiting for what other processes and threads do."""

import time
from collections.abc import Callable


def wait_until(is_true: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Asks again and again. Raises `TimeoutError` when it does not become true in time."""
    deadline = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.1)
