"""Variants of one thing, measured in turns: their rates as a table, and the ratios between them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, TypeVar

from rich.table import Table
from typer import Option

from infra.console import console
from infra.report import Bound, Direction, Report

Rounds = Annotated[int, Option(min=1, help="Medians are taken over these.")]
Kafka = Annotated[Literal["tansu", "apache"], Option(help="Which broker.")]
ONLY = Option(help="Measure this part only; may be repeated.")
"""Options that several benchmarks have."""

Rates = Mapping[str, float]
Measured = TypeVar("Measured")


def measure_rounds(what: str, rounds: int, measure: Callable[[int], Measured]) -> list[Measured]:
    """Calls `measure` with the number of each round, from 0."""
    measured = []
    for turn in range(rounds):
        console.print(f"[dim]{what}: round {turn + 1} of {rounds}[/]")
        measured.append(measure(turn))
    return measured


def measure_variants(
    variants: Mapping[str, Callable[[], Measured]], turn: int
) -> dict[str, Measured]:
    """Measures each variant once; every turn begins with another, so that none is always first."""
    names = list(variants)
    first = turn % len(names)
    measured = {name: variants[name]() for name in (*names[first:], *names[:first])}
    return {name: measured[name] for name in names}


def median_ratio(rounds: Sequence[Rates], ours: str, theirs: str) -> float:
    """Returns the median of the rounds' ratios: what slows a whole round down does not count."""
    return statistics.median(rates[ours] / rates[theirs] for rates in rounds)


def medians(rounds: Sequence[Rates]) -> dict[str, float]:
    """Returns the median of each variant over the rounds."""
    return {name: statistics.median(rates[name] for rates in rounds) for name in rounds[0]}


def table_of(title: str, *headings: str) -> Table:
    """Returns an empty table: the first column has names, the others numbers."""
    table = Table(headings[0], title=title, title_justify="left")
    for heading in headings[1:]:
        table.add_column(heading, justify="right")
    return table


def print_rounds(title: str, rounds: Sequence[Rates], megabytes: float | None = None) -> None:
    """Prints every variant's rate per second in each round, and its median, also in MB/s."""
    numbers = (f"round {number + 1}" for number in range(len(rounds)))
    table = table_of(title, "", *numbers, "median", *(["MB/s"] if megabytes is not None else []))
    for name, median in medians(rounds).items():
        rates = [*(rates[name] for rates in rounds), median]
        cells = [f"{rate:,.0f}" if rate >= 1000 else f"{rate:.1f}" for rate in rates]
        if megabytes is not None:
            cells.append(f"{median * megabytes:.1f}")
        table.add_row(name, *cells)
    console.print(table)


@dataclass(frozen=True)
class Comparison:
    """A variant of the platform's own beside others, and how good it has to be.

    Attributes:
        limits: By the other variant, the least ratio of the rates; None where there is no bound.
    """

    ours: str
    unit: str
    limits: Mapping[str, float | None]

    def report_rates(
        self,
        report: Report,
        rounds: Sequence[Rates],
        size: str = "",
        megabytes: float | None = None,
    ) -> None:
        """Reports every rate, and the ratios; `megabytes` is the size as a number."""
        title = " ".join(filter(None, (self.unit, size, "per second")))
        print_rounds(title, rounds, megabytes)
        self.report_ratios(report, rounds, size)
        for variant, rate in medians(rounds).items():
            report.add({key(variant, self.unit, "per_second", size): rate})
            if megabytes is not None:
                report.add({key(variant, "megabytes_per_second", size): rate * megabytes})

    def report_ratios(self, report: Report, rounds: Sequence[Rates], of_what: str = "") -> None:
        """Reports the median ratios to the others that were measured."""
        for theirs, limit in self.limits.items():
            if not {self.ours, theirs} <= rounds[0].keys():
                continue
            ratio = median_ratio(rounds, self.ours, theirs)
            report.add({key(self.ours, "to", theirs, of_what): ratio})
            name = f"{self.ours} / {theirs}" + (f", {of_what}" if of_what else "")
            if limit is None:
                console.print(f"{name} [bold]{ratio:.2f}[/]")
            else:
                report.check(Bound(name, ratio, Direction.AT_LEAST, limit))


def key(*parts: str) -> str:
    """Returns the name of a figure in a report's file."""
    name = "_".join(filter(None, parts)).lower()
    return name.replace(" ", "_").replace(".", "_").replace(",", "")
