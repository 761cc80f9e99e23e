"""A hostile file and its expected outcomes."""

from collections.abc import Callable
from dataclasses import dataclass

from assets.validation.reasons import Reason

PROCESSED = "processed"

CANARY = b"fuzz-canary-3f9c"
"""Part of all that hostile files carry beside their pixels; no rendition may contain it."""


@dataclass(frozen=True)
class HostileFile:
    """A file that an attacker might send.

    Attributes:
        kind: The family with which it is counted.
        name: What is wrong with it; kind, name and seed identify the file.
        make: Returns its bytes, the same every time.
        expected: Correct outcomes; if empty, every outcome with a reason is correct.
    """

    kind: str
    name: str
    make: Callable[[], bytes]
    expected: frozenset[str] = frozenset()


def expecting(*outcomes: Reason | str) -> frozenset[str]:
    """Returns outcomes as `HostileFile.expected` holds them."""
    return frozenset(str(outcome) for outcome in outcomes)
