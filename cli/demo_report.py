"""The demo's closing tables, for a person and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from rich.console import Console, JustifyMethod
from rich.table import Table

from infra.demo.outcome import Row, SourceOutcome
from infra.demo.retention import RetentionState

_MEMBER_COLUMNS = {
    "first_name": "first",
    "last_name": "last",
    "membership_status": "status",
    "completed_transactions": "done",
    "items": "items",
    "total_spent": "spent",
    "total_weight_kg": "kg",
    "average_basket": "basket",
}
_DAY_COLUMNS = {
    "arrived_on": "day",
    "source": "source",
    "landed_images": "landed",
    "processed_images": "done",
    "rejected_images": "rejected",
    "megapixels": "MP",
    "median_seconds_to_processed": "median s",
    "p95_seconds_to_processed": "p95 s",
}


@dataclass(frozen=True)
class DemoResult:
    """Everything that the demo reports.

    Attributes:
        sent: Images sent per source.
        outcomes: What came of them.
        members: First rows of the member sales summary, as the analyst sees them.
        days: First rows of the daily image summary, as the analyst sees them.
        retention: How old the oldest copy is, and what is proven of those that went.
        seconds: How long the steps took, by name.
    """

    sent: dict[str, int]
    outcomes: Sequence[SourceOutcome]
    members: Sequence[Row]
    days: Sequence[Row]
    retention: RetentionState
    seconds: dict[str, float]

    @property
    def images_per_second(self) -> float:
        """Images from the first arrival to the last one visible, both sources together."""
        finished = [o.last_finished_at for o in self.outcomes if o.last_finished_at]
        first = min(o.first_arrived_at for o in self.outcomes)
        return sum(self.sent.values()) / max((max(finished) - first).total_seconds(), 0.001)


def print_report(console: Console, result: DemoResult) -> None:
    """Prints what happened as tables."""
    console.print(_sources(result))
    console.print(_retention(result.retention))
    console.print("\n[bold]What a person of TEAM_ANALYTICS sees[/]")
    console.print(_rows("analytics.view_member_sales_summary", result.members, _MEMBER_COLUMNS))
    console.print(_rows("analytics.view_image_daily_summary", result.days, _DAY_COLUMNS))
    steps = " · ".join(f"{name} {seconds:.0f} s" for name, seconds in result.seconds.items())
    console.print(f"[dim]{steps} · {result.images_per_second:.1f} images/s arrival to visible[/]")


def write_report(path: Path, result: DemoResult) -> None:
    """Writes the same as JSON: flat keys, and the analyst's rows."""
    flat: dict[str, object] = {}
    for outcome in result.outcomes:
        prefix = f"images.{outcome.source}"
        flat |= {
            f"{prefix}.sent": result.sent[outcome.source],
            f"{prefix}.processed": outcome.processed,
            f"{prefix}.rejected": outcome.rejected,
            f"{prefix}.latency_median_seconds": outcome.median_seconds,
            f"{prefix}.latency_p95_seconds": outcome.p95_seconds,
        }
        flat |= {f"{prefix}.rejected.{why}": count for why, count in outcome.reasons.items()}
    flat["images_per_second"] = round(result.images_per_second, 3)
    flat |= {f"seconds.{name}": round(seconds, 2) for name, seconds in result.seconds.items()}
    flat |= {
        "retention.oldest_copy_hours": round(result.retention.oldest_hours, 4),
        "retention.hours": result.retention.hours,
        "retention.receipts": result.retention.receipts,
        "retention.receipts_chain_is_intact": result.retention.is_chain_intact,
        "retention.first_image_goes_at": result.retention.first_goes_at,
    }
    flat["view_member_sales_summary"] = result.members
    flat["view_image_daily_summary"] = result.days
    path.write_text(json.dumps(flat, indent=2, default=_plain) + "\n")


def _sources(result: DemoResult) -> Table:
    table = Table(title="Images", title_justify="left", title_style="bold")
    for column in ("source", "sent", "processed", "rejected", "why", "median s", "p95 s"):
        justify: JustifyMethod = "left" if column in {"source", "why"} else "right"
        table.add_column(column, justify=justify, no_wrap=True)
    for outcome in result.outcomes:
        table.add_row(
            outcome.source,
            str(result.sent[outcome.source]),
            f"[green]{outcome.processed}[/]",
            f"[yellow]{outcome.rejected}[/]",
            "\n".join(f"{count} {why}" for why, count in outcome.reasons.items()),
            _seconds(outcome.median_seconds),
            _seconds(outcome.p95_seconds),
        )
    table.caption = "latency: from arrival to visible in the analysts' views"
    return table


def _retention(state: RetentionState) -> Table:
    table = Table(title="Retention", title_justify="left", title_style="bold")
    for column in ("oldest copy", "hours", "allowed", "receipts", "chain", "first image goes"):
        justify: JustifyMethod = "right" if column in {"hours", "allowed", "receipts"} else "left"
        table.add_column(column, justify=justify, no_wrap=True)
    table.add_row(
        state.oldest_copy,
        f"{state.oldest_hours:.2f}",
        str(state.hours),
        f"{state.receipts:,}",
        "[green]intact[/]" if state.is_chain_intact else "[red]broken[/]",
        f"{state.first_goes_at:%Y-%m-%d %H:%M}",
    )
    table.caption = "make prove IMAGE=<id> proves for an image that it is gone"
    return table


def _rows(title: str, rows: Sequence[Row], columns: dict[str, str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for name, heading in columns.items():
        is_number = bool(rows) and isinstance(rows[0][name], int | float | Decimal)
        table.add_column(heading, justify="right" if is_number else "left")
    for row in rows:
        table.add_row(*(_shown(row[name]) for name in columns))
    return table


def _seconds(latency: float | None) -> str:
    return "–" if latency is None else f"{latency:.1f}"


def _shown(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Decimal | float):
        return f"{value:,.2f}"
    return "" if value is None else str(value)


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form here")
