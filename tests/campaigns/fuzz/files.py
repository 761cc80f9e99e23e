"""A hostile file and its expected outcomes."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

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


def sized(
    kind: str,
    title: str,
    sizes: Iterable[tuple[int, int]],
    make: Callable[[int, int], bytes],
    expected: frozenset[str] = frozenset(),
) -> Iterator[HostileFile]:
    """Yields a file for each width and height, which also complete its title."""
    for size in sizes:
        yield HostileFile(kind, title.format(*size), partial(make, *size), expected)


def named(
    kind: str,
    title: str,
    contents: Mapping[str, bytes],
    make: Callable[[bytes], bytes],
    expected: frozenset[str] = frozenset(),
) -> Iterator[HostileFile]:
    """Yields a file for each content, whose name completes the title."""
    for name, content in contents.items():
        yield HostileFile(kind, title.format(name), partial(make, content), expected)
