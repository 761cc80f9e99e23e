"""The measurements of a benchmark or a campaign: its figures, its bounds, and whether it passed.

Figures are flat keys and numbers; they go to `.local/reports/<name>.json` together with the bounds.
A bound that is printed is enforced: a missed one raises an error, which means exit code 1.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from assets.errors import DarkroomError
from infra.console import FAILED, OK, console, counted

FOLDER = Path(__file__).parents[1] / ".local" / "reports"


class MeasurementError(DarkroomError):
    """A measurement could not be completed, so it says nothing."""


class BoundMissedError(DarkroomError):
    """A measurement was completed and a bound was missed."""


class Direction(StrEnum):
    """On which side of its limit a value has to be."""

    AT_LEAST = "≥"
    AT_MOST = "≤"
    UNDER = "<"


@dataclass(frozen=True)
class Bound:
    """A measured value and its limit.

    Attributes:
        unit: `s`, `ms`, `MiB`, `%` of a share, or whatever is counted; empty for a ratio.
    """

    name: str
    value: float
    direction: Direction
    limit: float
    unit: str = ""

    @property
    def is_met(self) -> bool:
        """Whether the value keeps the limit; one that is not a number does not."""
        match self.direction:
            case Direction.AT_LEAST:
                return self.value >= self.limit
            case Direction.AT_MOST:
                return self.value <= self.limit
            case Direction.UNDER:
                return self.value < self.limit

    @property
    def cells(self) -> tuple[str, str, str]:
        """Name, value and limit as people read them."""
        limit = f"{self.direction} {_text(self.limit, self.unit)}"
        return self.name, _text(self.value, self.unit), limit

    def __str__(self) -> str:
        """The bound as part of a sentence."""
        name, value, limit = self.cells
        return f"{name} {value} ({limit})"


def _text(value: float, unit: str) -> str:
    if unit == "%":
        return f"{value:.1%}"
    return f"{value:,.2f}".removesuffix(".00") + f" {unit}" if unit else f"{value:.2f}"


@dataclass
class Report:
    """The report of one command, filled while it measures.

    Args:
        name: Names the file that it is written to.
    """

    name: str
    figures: dict[str, float] = field(default_factory=dict)
    bounds: list[Bound] = field(default_factory=list)

    def add(self, figures: Mapping[str, float]) -> None:
        """Adds figures."""
        self.figures |= figures

    def check(self, bound: Bound) -> None:
        """Adds a bound and prints it."""
        self.bounds.append(bound)
        name, value, limit = map(escape, bound.cells)
        colour = "green" if bound.is_met else "red"
        console.print(f"{name} [bold {colour}]{value}[/] (bound: {limit})")

    @property
    def missed(self) -> list[Bound]:
        """The bounds that were missed."""
        return [bound for bound in self.bounds if not bound.is_met]

    def write(self) -> Path:
        """Writes figures and bounds as JSON and returns the file."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        path = FOLDER / f"{self.name}.json"
        content: dict[str, object] = {key: round(value, 4) for key, value in self.figures.items()}
        content["bounds"] = [
            asdict(bound) | {"value": round(bound.value, 4), "is_met": bound.is_met}
            for bound in self.bounds
        ]
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
        return path

    def finish(self) -> None:
        """Prints all bounds, writes the JSON file, and gives the verdict.

        Raises `BoundMissedError` when at least one bound was missed.
        """
        if self.bounds:
            table = Table("", title="Bounds", title_justify="left")
            for column in ("measured", "bound"):
                table.add_column(column, justify="right")
            table.add_column("")
            for bound in self.bounds:
                table.add_row(*map(escape, bound.cells), OK if bound.is_met else FAILED)
            console.print(table)
        console.print(f"as JSON: {self.write()}")
        count = counted(len(self.bounds), "bound")
        if missed := self.missed:
            sentences = "; ".join(map(str, missed))
            raise BoundMissedError(f"{len(missed)} of {count} missed: {sentences}.")
        if self.bounds:
            console.print(f"{OK} {count} kept")
