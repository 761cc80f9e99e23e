"""What a hostile file is, and which ones a campaign of so many files has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from assets.validation.reasons import Reason

PROCESSED = "processed"

CANARY = b"fuzz-canary-3f9c"
"""Stands in what hostile files carry beside their pixels; no rendition may hold it."""


@dataclass(frozen=True)
class HostileFile:
    """A file that somebody might send to harm the platform.

    Attributes:
        kind: The family that it is counted with.
        name: What is wrong with it; with the kind and the seed it says which file this is.
        make: Gives its bytes, the same every time.
        expected: Outcomes that are right; none: every one that is explained.
    """

    kind: str
    name: str
    make: Callable[[], bytes]
    expected: frozenset[str] = frozenset()


def expecting(*outcomes: Reason | str) -> frozenset[str]:
    """Returns outcomes as they are compared with what came of a file."""
    return frozenset(str(outcome) for outcome in outcomes)
