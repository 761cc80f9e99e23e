"""The report of a campaign: a table for people, figures as JSON, and the files that failed."""

import re
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from infra.report import Bound, Direction, Report
from tests.campaigns.fuzz.campaign import UNEXPLAINED, Campaign
from tests.campaigns.fuzz.files import PROCESSED

_LOCAL = Path(__file__).parents[3] / ".local"
_MEBIBYTE = 1 << 20
_GROWTH_LIMIT_MIB = 64
_SLOWEST = 5
_DEATHS = ("decoder_died", "decoder_timeout")
_MAX_SHOWN = 20


def report_of(campaign: Campaign, seed: int) -> Report:
    """Returns a campaign's figures and bounds."""
    outcomes = Counter(one.outcome for one in campaign.results)
    memory = [size / _MEBIBYTE for size in campaign.memory_bytes]
    report = Report("fuzz")
    report.add(
        {
            "seed": seed,
            "files": len(campaign.results),
            "seconds": campaign.seconds,
            "unexplained": outcomes[UNEXPLAINED],
            "not_as_expected": len(campaign.failures),
            "parent_mib_at_start": memory[0],
            "parent_mib_at_end": memory[-1],
            "parent_mib_at_most": max(memory),
            **{f"outcome.{name}": count for name, count in sorted(outcomes.items())},
        }
    )
    report.bounds += [
        Bound("not as expected", len(campaign.failures), Direction.AT_MOST, 0, "files"),
        Bound(
            "growth of the parent's memory",
            memory[-1] - memory[0],
            Direction.AT_MOST,
            _GROWTH_LIMIT_MIB,
            "MiB",
        ),
    ]
    return report


def save_failures(campaign: Campaign, seed: int) -> Path | None:
    """Writes every file with a problem, named by kind and name; returns the folder, if any."""
    if not campaign.failures:
        return None
    folder = _LOCAL / "fuzz" / f"seed-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    for one in campaign.failures:
        name = re.sub(r"[^\w]+", "-", f"{one.file.kind} {one.file.name}").strip("-")
        (folder / name).write_bytes(one.file.make())
    return folder


def print_report(console: Console, campaign: Campaign) -> None:
    """Prints outcomes by kind, the slowest files, memory and problems."""
    console.print(_table(campaign))
    for one in sorted(campaign.results, key=lambda one: -one.seconds)[:_SLOWEST]:
        console.print(f"  slow: {one.seconds:5.1f} s  {escape(one.file.name)} ({one.outcome})")
    for one in campaign.results:
        if one.outcome in _DEATHS:
            console.print(f"  cost a worker: {escape(one.file.name)} ({one.outcome})")
    for what, times in sorted(campaign.raised.items()):
        console.print(f"  the processor raised: {escape(what)}, {times} times")
    sizes = " ".join(f"{size / _MEBIBYTE:.0f}" for size in campaign.memory_bytes)
    console.print(f"  memory of the sending process, start to end, MiB: [bold]{sizes}[/]")
    for one in campaign.failures[:_MAX_SHOWN]:
        console.print(f"[red]•[/] {escape(one.file.kind)}: {escape(one.file.name)}: {one.problem}")
    if len(campaign.failures) > _MAX_SHOWN:
        console.print(f"[red]•[/] … and {len(campaign.failures) - _MAX_SHOWN} more")


def _table(campaign: Campaign) -> Table:
    table = Table(title="Hostile files", title_justify="left", title_style="bold")
    table.add_column("kind")
    for name in ("files", "processed", "rejected"):
        table.add_column(name, justify="right")
    table.add_column("by reason")
    by_kind: dict[str, Counter[str]] = {}
    for one in campaign.results:
        by_kind.setdefault(one.file.kind, Counter())[one.outcome] += 1
    for kind, outcomes in sorted(by_kind.items()):
        table.add_row(kind, *_cells(outcomes))
    table.add_section()
    table.add_row("all", *_cells(Counter(one.outcome for one in campaign.results)))
    return table


def _cells(outcomes: Counter[str]) -> list[str]:
    reasons = [(name, count) for name, count in outcomes.most_common() if name != PROCESSED]
    rejected = sum(count for _, count in reasons)
    listed = ", ".join(f"{name} {count}" for name, count in reasons)
    return [str(outcomes.total()), str(outcomes[PROCESSED]), str(rejected), listed]
