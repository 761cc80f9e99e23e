"""Ways of doing one thing measured in turns, and their medians as a table with ratios."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence

from rich.console import Console
from rich.table import Table

console = Console(highlight=False)

Rates = Mapping[str, float]


def measure_round(variants: Mapping[str, Callable[[], float]], turn: int) -> dict[str, float]:
    """Measures each variant once; every turn begins with another, so that none is always first."""
    measured = {name: variants[name]() for name in rotated(list(variants), turn)}
    return {name: measured[name] for name in variants}


def rotated(names: Sequence[str], turn: int) -> list[str]:
    """Returns the names in the order of a turn."""
    first = turn % len(names)
    return [*names[first:], *names[:first]]


def median_ratio(rounds: Sequence[Rates], ours: str, theirs: str) -> float:
    """Returns the median of the rounds' ratios: what slows a whole round down does not count."""
    return statistics.median(rates[ours] / rates[theirs] for rates in rounds)


def medians(rounds: Sequence[Rates]) -> dict[str, float]:
    """Returns the median of each variant over the rounds."""
    return {name: statistics.median(rates[name] for rates in rounds) for name in rounds[0]}


def print_rounds(title: str, rounds: Sequence[Rates], megabytes: float | None = None) -> None:
    """Prints every variant's rate per second in each round, and its median.

    Args:
        title: What is counted per second.
        megabytes: Size of one of the things counted; gives a column of MB/s.
    """
    table = Table("", title=title, title_justify="left")
    for column in (*(f"round {number + 1}" for number in range(len(rounds))), "median"):
        table.add_column(column, justify="right")
    if megabytes is not None:
        table.add_column("MB/s", justify="right")
    for name, median in medians(rounds).items():
        rates = [*(rates[name] for rates in rounds), median]
        cells = [f"{rate:,.0f}" if rate >= 1000 else f"{rate:.1f}" for rate in rates]
        if megabytes is not None:
            cells.append(f"{median * megabytes:.1f}")
        table.add_row(name, *cells)
    console.print(table)


def print_ratio(ours: str, theirs: str, ratio: float, target: float | None = None) -> None:
    """Prints one ratio in bold, green where it reaches its target."""
    colour = "" if target is None else " green" if ratio >= target else " red"
    wanted = "" if target is None else f" (target {target:.2f})"
    console.print(f"{ours} / {theirs} [bold{colour}]{ratio:.2f}[/]{wanted}")
