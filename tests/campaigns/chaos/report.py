"""What a campaign found: tables for a person, and a report whose bounds must be kept."""

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from infra.report import Bound, Direction, Report
from tests.campaigns.chaos.plan import Fault, FaultKind
from tests.campaigns.chaos.verdict import Verdict

_NAMES = {
    "lost": ("lost", "images"),
    "duplicated": ("duplicated", "images"),
    "stuck": ("stuck", "images or runs"),
    "unexpected": ("in the ledger, but not sent", "images"),
    "missing_files": ("missing renditions and originals", "files"),
    "unbalanced_hours": ("unbalanced", "hours"),
    "rows_missing_in_views": ("missing in the analysts' views", "images"),
    "unexplained_gaps": ("unexplained ranges of offsets", "gaps"),
}


def report_of(kafka: str, verdict: Verdict, injected: Sequence[Fault], seconds: float) -> Report:
    """Returns a campaign's figures, and one bound for each thing that must never happen."""
    evidence = verdict.evidence
    faults = Counter(f"faults.{fault.kind}.{fault.target}" for fault in injected)
    report = Report(f"chaos_{kafka}")
    report.add(
        {
            "sent": verdict.sent,
            "acknowledged": verdict.acknowledged,
            "processed": verdict.processed,
            "rejected": verdict.rejected,
            **verdict.violations,
            "orphaned_renditions": evidence.orphaned_renditions,
            "unexplained_gaps": evidence.unexplained_gaps,
            "repeated_by_senders": verdict.repeated_by_senders,
            "unknown_attempts": verdict.unknown_attempts,
            "seconds": seconds,
            "faults": len(injected),
            **dict(sorted(faults.items())),
        }
    )
    for violation, count in verdict.violations.items():
        name, unit = _NAMES[violation]
        report.bounds.append(Bound(name, count, Direction.AT_MOST, 0, unit))
    return report


def print_report(console: Console, verdict: Verdict, injected: Sequence[Fault]) -> None:
    """Prints the counts, the injected faults, and examples of what is wrong."""
    console.print(_count_table(verdict))
    console.print(_fault_table(injected))
    for example in verdict.examples:
        console.print(f"[red]•[/] {escape(example)}")


def _count_table(verdict: Verdict) -> Table:
    evidence = verdict.evidence
    table = Table(title="Counts", title_justify="left", title_style="bold")
    table.add_column("")
    table.add_column("number", justify="right")
    counts = {
        "sent": verdict.sent,
        "acknowledged by the sources": verdict.acknowledged,
        "processed": verdict.processed,
        "rejected": verdict.rejected,
        "renditions without a row": evidence.orphaned_renditions,
        "attempts without an answer": verdict.unknown_attempts,
        "copies made by senders' retries": verdict.repeated_by_senders,
    }
    if evidence.may_have_gaps:
        counts["recorded gaps that the broker left"] = evidence.unexplained_gaps
    for name, count in counts.items():
        table.add_row(name, str(count))
    return table


def _fault_table(injected: Sequence[Fault]) -> Table:
    table = Table("target", title="Faults", title_justify="left", title_style="bold")
    for kind in FaultKind:
        table.add_column(kind, justify="right")
    counted = Counter((fault.target, fault.kind) for fault in injected)
    for target in sorted({fault.target for fault in injected}):
        counts = (counted[target, kind] for kind in FaultKind)
        table.add_row(target, *(str(count) if count else "" for count in counts))
    return table
