"""`darkroom bench retention`: what deletion costs, beside the least that could do the same.

In turns, in one run, over the same servers: a day's partition dropped beside a DELETE; a purge of
images with all their objects beside bare batch deletes; a landing alone beside a landing during a
purge; and how long an erasure takes, and a purge of Dagster's run records.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from enum import StrEnum
from functools import partial
from typing import Annotated

from typer import Option

from benchmarks.retention_days import DELETE, DROP, Cost, measure_days
from benchmarks.retention_ingest import ALONE, DURING_PURGE, measure_ingestion
from benchmarks.retention_objects import BARE, PURGE, Deleted, measure_deletion, measure_erasure
from benchmarks.retention_runs import measure_runs
from benchmarks.rounds import (
    ONLY,
    Comparison,
    Kafka,
    Rates,
    Rounds,
    measure_rounds,
    median_ratio,
    medians,
    print_rounds,
    table_of,
)
from benchmarks.stack import fresh_stack
from infra.console import console
from infra.report import Bound, Direction, Report

Part = StrEnum("Part", ["days", "objects", "ingestion", "erasure", "runs"])

DELETION_RATES = Comparison(PURGE, "objects", {BARE: 0.90})
SLOWDOWN_LIMIT = 0.20
ERASURE_LIMIT_SECONDS = 60
RUNS_LIMIT_SECONDS = 120

_MIB = 1024**2


def run(
    rounds: Rounds = 3,
    rows: Annotated[int, Option(help="Images of a day, per variant.")] = 1_000_000,
    images: Annotated[int, Option(help="Purged at once, per round.")] = 100_000,
    messages: Annotated[int, Option(help="50 kB each, landed per round.")] = 6_000,
    purged: Annotated[int, Option(help="Images purged during the landing.")] = 20_000,
    erased: Annotated[int, Option(help="Images, per round.")] = 10_000,
    runs: Annotated[int, Option(help="Run records purged, per round.")] = 20_000,
    kafka: Kafka = "tansu",
    only: Annotated[list[Part] | None, ONLY] = None,
) -> None:
    """Measure deletion beside the least that could do the same."""
    report = Report("retention", {"rounds": rounds})
    parts = only or list(Part)
    with fresh_stack(kafka) as stack:
        if "days" in parts:
            measure = partial(measure_days, stack, rows)
            report_days(
                report, rows, measure_rounds(f"two days of {rows:,} images", rounds, measure)
            )
        if "objects" in parts:
            deletion = partial(measure_deletion, stack, images)
            report_objects(
                report, measure_rounds(f"a purge of {images:,} images", rounds, deletion)
            )
        if "ingestion" in parts:
            what = f"landing {messages:,} messages during a purge of {purged:,} images"
            ingestion = partial(measure_ingestion, stack, messages, purged)
            report_ingestion(report, measure_rounds(what, rounds, ingestion))
        if "erasure" in parts:
            erasure = partial(measure_erasure, stack, erased)
            what = f"an erasure of {erased:,} images"
            report_erasure(report, erased, measure_rounds(what, rounds, erasure))
        if "runs" in parts:
            what = f"a purge of {runs:,} run records"
            report_runs(
                report, runs, measure_rounds(what, rounds, partial(measure_runs, stack, runs))
            )
    report.finish()


def report_days(report: Report, rows: int, measured: Sequence[Mapping[str, Cost]]) -> None:
    """Reports what the drop of a partition and a DELETE of its rows cost."""
    costs = {
        variant: _median_cost([one[variant] for one in measured]) for variant in (DROP, DELETE)
    }
    _print_costs(f"Deleting a day of {rows:,} images", costs)
    drop, delete = costs[DROP], costs[DELETE]
    seconds, log = delete.seconds / drop.seconds, delete.log_bytes / max(1, drop.log_bytes)
    console.print(
        f"{DELETE} takes [bold]{seconds:,.1f}[/] times as long as the {DROP}, and writes "
        f"[bold]{log:,.0f}[/] times as much log"
    )
    report.add({"delete_to_drop_seconds": seconds, "delete_to_drop_log_bytes": log})
    report.add({f"drop_{name}": value for name, value in asdict(drop).items()})
    report.add({f"delete_{name}": value for name, value in asdict(delete).items()})


def report_objects(report: Report, measured: Sequence[Deleted]) -> None:
    """Reports the objects that a purge and bare deletes delete per second, and its memory."""
    DELETION_RATES.report_rates(report, [one.rates for one in measured])
    peak = max(one.purge.peak_bytes for one in measured) / _MIB
    idle = max(one.purge.idle_bytes for one in measured) / _MIB
    console.print(
        f"the purge holds at most [bold]{peak:.0f} MiB[/], {idle:.0f} MiB before it begins"
    )
    report.add(
        {
            "purge_seconds": statistics.median(one.purge.seconds for one in measured),
            "purge_peak_mib": peak,
            "purge_idle_mib": idle,
        }
    )


def report_ingestion(report: Report, measured: Sequence[Rates]) -> None:
    """Reports by how much a purge slows a landing down."""
    print_rounds("Messages landed per second", measured)
    slowdown = 1 - median_ratio(measured, DURING_PURGE, ALONE)
    name = "slowdown of a landing by a purge"
    report.check(Bound(name, slowdown, Direction.UNDER, SLOWDOWN_LIMIT, "%"))
    report.add(
        {
            "landing_falls_by": slowdown,
            "landing_alone_messages_per_second": medians(measured)[ALONE],
            "landing_during_purge_messages_per_second": medians(measured)[DURING_PURGE],
        }
    )


def report_erasure(report: Report, images: int, measured: Sequence[float]) -> None:
    """Reports how long an erasure takes; the limit was set for 10,000 images."""
    seconds = statistics.median(measured)
    name = f"erasure of {images:,} images"
    report.check(Bound(name, seconds, Direction.UNDER, ERASURE_LIMIT_SECONDS, "s"))
    report.add({"erasure_seconds": seconds, "erased_images": images})


def report_runs(report: Report, runs: int, measured: Sequence[float]) -> None:
    """Reports how long a purge of run records takes; the limit was set for 20,000 of them."""
    seconds = statistics.median(measured)
    name = f"purge of {runs:,} run records"
    report.check(Bound(name, seconds, Direction.UNDER, RUNS_LIMIT_SECONDS, "s"))
    report.add({"purge_runs_seconds": seconds, "purged_runs": runs})


def _median_cost(costs: Sequence[Cost]) -> Cost:
    return Cost(
        seconds=statistics.median(one.seconds for one in costs),
        log_bytes=statistics.median(one.log_bytes for one in costs),
        longest_wait_seconds=max(one.longest_wait_seconds for one in costs),
        locked_seconds=max(one.locked_seconds for one in costs),
    )


def _print_costs(title: str, costs: dict[str, Cost]) -> None:
    table = table_of(title, "", "seconds", "log, MiB", "longest wait, ms", "locked, ms")
    for variant, cost in costs.items():
        table.add_row(
            variant,
            f"{cost.seconds:.3f}",
            f"{cost.log_bytes / _MIB:,.2f}",
            f"{cost.longest_wait_seconds * 1000:,.0f}",
            f"{cost.locked_seconds * 1000:,.0f}",
        )
    console.print(table)
