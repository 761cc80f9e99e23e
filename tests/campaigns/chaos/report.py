"""What a campaign found, as a table for a person and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tests.campaigns.chaos.plan import Fault
from tests.campaigns.chaos.verdict import Verdict

_FOLDER = Path(__file__).parents[3] / ".local" / "reports"


def figures(verdict: Verdict, injected: Sequence[Fault], seconds: float) -> dict[str, float]:
    """Returns a campaign's figures under flat names."""
    evidence = verdict.evidence
    faults = Counter(f"faults.{fault.kind}.{fault.target}" for fault in injected)
    return {
        "sent": verdict.sent,
        "acknowledged": verdict.acknowledged,
        "processed": verdict.processed,
        "rejected": verdict.rejected,
        "lost": verdict.lost,
        "duplicated": verdict.duplicated,
        "stuck": verdict.stuck,
        "unexpected": verdict.unexpected,
        "missing_files": evidence.missing_files,
        "orphaned_renditions": evidence.orphaned_renditions,
        "unbalanced_hours": evidence.unbalanced_hours,
        "unexplained_gaps": evidence.unexplained_gaps,
        "rows_missing_in_views": evidence.rows_missing_in_views,
        "repeated_by_senders": verdict.repeated_by_senders,
        "unknown_attempts": verdict.unknown_attempts,
        "seconds": round(seconds, 1),
        "faults": len(injected),
        **dict(sorted(faults.items())),
    }


def print_report(console: Console, verdict: Verdict, injected: Sequence[Fault]) -> None:
    """Prints the count, and what was done to the platform."""
    console.print(_count(verdict))
    console.print(_fault_table(injected))
    for example in verdict.examples:
        console.print(f"[red]•[/] {escape(example)}")


def write_report(kafka: str, found: dict[str, float]) -> Path:
    """Writes the figures where other measurements are, and returns the file."""
    _FOLDER.mkdir(parents=True, exist_ok=True)
    path = _FOLDER / f"chaos_{kafka}.json"
    path.write_text(json.dumps(found, indent=2) + "\n")
    return path


def _count(verdict: Verdict) -> Table:
    evidence = verdict.evidence
    table = Table(title="The count", title_justify="left", title_style="bold")
    table.add_column("what")
    table.add_column("images", justify="right")
    table.add_row("sent", str(verdict.sent))
    table.add_row("acknowledged by the sources", str(verdict.acknowledged))
    table.add_row("processed", str(verdict.processed))
    table.add_row("rejected", str(verdict.rejected), end_section=True)
    must_be_none = {
        "lost": verdict.lost,
        "duplicated": verdict.duplicated,
        "stuck": verdict.stuck,
        "in the ledger, sent by nobody": verdict.unexpected,
        "renditions and originals that are missing": evidence.missing_files,
        "hours that do not add up": evidence.unbalanced_hours,
        "not in the analysts' views": evidence.rows_missing_in_views,
    }
    if not evidence.may_have_gaps:
        must_be_none["unexplained gaps of offsets"] = evidence.unexplained_gaps
    for what, count in must_be_none.items():
        table.add_row(what, f"[{'red' if count else 'green'}]{count}[/]")
    table.add_section()
    if evidence.may_have_gaps:
        table.add_row("gaps that the broker left, recorded", str(evidence.unexplained_gaps))
    table.add_row("renditions without a row", str(evidence.orphaned_renditions))
    table.add_row("attempts that senders repeated", str(verdict.unknown_attempts))
    table.add_row("copies that senders made by retrying", str(verdict.repeated_by_senders))
    return table


def _fault_table(injected: Sequence[Fault]) -> Table:
    table = Table(title="What was done", title_justify="left", title_style="bold")
    table.add_column("to")
    for kind in ("kill", "cut", "delay"):
        table.add_column(kind, justify="right")
    counted = Counter((fault.target, fault.kind.value) for fault in injected)
    for target in sorted({fault.target for fault in injected}):
        counts = (counted[target, kind] for kind in ("kill", "cut", "delay"))
        table.add_row(target, *(str(count) if count else "" for count in counts))
    return table
