"""`darkroom bench freshness`: how soon an image is visible, and how many the platform takes.

It starts a whole platform of its own. Photographs are sent at a steady rate through three sources,
and the ledger says how long each stage took. Then the rate is raised until it is not sustained. At
last a bucket full of photographs is processed by the platform, and by the naive pattern: one run
per object.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from rich.table import Table
from typer import Option

from assets.timing import utc_now
from benchmarks.dagster_runs import JobRuns, runs_since
from benchmarks.highest_rate import VISIBLE_SECONDS, Step, raise_rate
from benchmarks.load import Load, jpeg_pool
from benchmarks.naive_run import naive_rate
from benchmarks.options import Kafka
from benchmarks.rounds import key
from benchmarks.stack import fresh_platform
from benchmarks.stages import (
    ALL_SOURCES,
    LEDGER,
    STAGES,
    VISIBLE,
    DeliveryCount,
    SourceStages,
    read_stages,
)
from infra.console import console
from infra.report import Bound, Direction, MeasurementError, Report

LEDGER_SECONDS = 10.0
"""95th percentile from arrival to the ledger has to be under this."""

_STEPS = "8,11,14,17,20,25,30"
_POOL = 24


@dataclass(frozen=True)
class Freshness:
    """What was measured at a steady rate: stages by source, deliveries, and runs by job."""

    sources: Sequence[SourceStages]
    deliveries: DeliveryCount
    runs: Sequence[JobRuns]


def run(
    rate: Annotated[float, Option(help="Images per second, all sources together.")] = 5.0,
    minutes: Annotated[float, Option(help="How long at that rate; 0 skips it.")] = 5.0,
    megapixels: Annotated[float, Option(help="Size of each photograph.")] = 2.0,
    steps: Annotated[str, Option(help="Rates to try for the highest one.")] = _STEPS,
    step_seconds: Annotated[float, Option(help="How long each; 0 skips them.")] = 60.0,
    drop: Annotated[int, Option(help="Images dropped at once.")] = 400,
    naive: Annotated[int, Option(help="Images for the naive pattern; 0 skips it.")] = 40,
    kafka: Kafka = "tansu",
) -> None:
    """Measure freshness, the highest sustained rate, and the naive pattern beside the platform."""
    rates = parse_rates(steps)
    with console.status(f"making photographs of {megapixels:g} megapixels"):
        bodies = jpeg_pool(_POOL, megapixels)
    report = Report("freshness", {"rate": rate, "minutes": minutes, "megapixels": megapixels})
    report.add({"mean_bytes": sum(map(len, bodies)) / len(bodies)})
    with fresh_platform(kafka) as platform:
        load = Load(platform, bodies)
        load.warm_up(rate)
        if minutes:
            console.print(f"[bold]{rate:g} images per second for {minutes:g} minutes[/]")
            report_freshness(report, measure_freshness(load, rate, round(60 * rate * minutes)))
        if step_seconds:
            console.print(f"[bold]The highest sustained rate[/], {step_seconds:g} seconds each")
            report_highest_rate(report, find_highest_rate(load, rates, step_seconds))
        if naive:
            console.print("[bold]Beside the naive pattern[/], one run per object")
            ours = load.drop(drop)
            platform.stop_programs()
            report_naive(report, ours, naive_rate(platform.stack, bodies, naive))
    report.finish()


def parse_rates(text: str) -> list[float]:
    """Returns rates from a list such as `8,11,14`.

    Raises `MeasurementError` when the text is not such a list.
    """
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise MeasurementError("--steps takes numbers separated by commas: 8,11,14.") from error


def measure_freshness(load: Load, rate: float, images: int) -> Freshness:
    """Sends at a steady rate through all sources and reads how long each stage took."""
    began = utc_now().timestamp()
    tracked, deliveries = load.send("freshness", rate, images)
    with load.platform.warehouse.connect() as connection:
        sources = read_stages(connection, tracked.record)
    return Freshness(sources, deliveries, runs_since(load.platform.dagster_conninfo, began))


def find_highest_rate(load: Load, rates: Sequence[float], seconds: float) -> list[Step]:
    """Raises the rate step by step until it is not sustained."""
    steps = []
    for step in raise_rate(rates, lambda rate: load.try_rate(rate, seconds)):
        steps.append(step)
        verdict = "[green]sustained[/]" if step.is_sustained else "[red]not sustained[/]"
        console.print(
            f"  {step.rate:g} images/s: {verdict}, p95 to visible {step.visible_p95:.1f} s, "
            f"the backlog grows by {step.growth:+.2f}/s"
        )
    return steps


def report_freshness(report: Report, measured: Freshness) -> None:
    """Reports the stages of each source and checks two 95th percentiles."""
    _print_stages(measured)
    [overall] = [source for source in measured.sources if source.source == ALL_SOURCES]
    for stage, limit in ((LEDGER, LEDGER_SECONDS), (VISIBLE, VISIBLE_SECONDS)):
        report.check(Bound(f"p95 {stage}", overall.stages[stage].p95, Direction.UNDER, limit, "s"))
    for source in measured.sources:
        for name, spread in source.stages.items():
            stage = key(source.source, STAGES[name])
            report.add(
                {
                    f"{stage}_median_seconds": spread.median,
                    f"{stage}_p95_seconds": spread.p95,
                    f"{stage}_longest_seconds": spread.longest,
                }
            )
    deliveries = measured.deliveries
    report.add(
        {
            "images": deliveries.sent,
            "lost": deliveries.lost,
            "duplicated": deliveries.duplicated,
            "sent_to_visible_p95_seconds": deliveries.visible_p95,
            "sender_late_p95_seconds": deliveries.late_p95,
            "runs_meanwhile": sum(job.runs for job in measured.runs),
        }
    )


def _print_stages(measured: Freshness) -> None:
    table = Table("source", "stage", title="Seconds that each stage took", title_justify="left")
    for column in ("median", "p95", "longest"):
        table.add_column(column, justify="right")
    for source in measured.sources:
        title = f"{source.source} ({source.images} images)"
        for name, spread in source.stages.items():
            times = (spread.median, spread.p95, spread.longest)
            table.add_row(title, name, *(f"{seconds:.2f}" for seconds in times))
            title = ""
        table.add_section()
    console.print(table)
    deliveries = measured.deliveries
    console.print(
        f"{deliveries.sent} sent, {deliveries.lost} lost, {deliveries.duplicated} duplicated; "
        f"by the sender's clock p95 from sending to visible {deliveries.visible_p95:.2f} s "
        f"(p95 of its own delay {deliveries.late_p95:.2f} s)"
    )
    for job in measured.runs:
        console.print(
            f"  {job.job}: {job.runs} runs, the slowest started {job.slowest_start_seconds:.1f} s "
            "after it was requested"
        )


def report_highest_rate(report: Report, steps: Sequence[Step]) -> None:
    """Reports the last rate that was sustained."""
    good = [step.rate for step in steps if step.is_sustained]
    highest = max(good, default=0.0)
    more = "" if len(good) < len(steps) else " or more: every step was sustained"
    console.print(f"highest sustained rate [bold]{highest:g}[/] images per second{more}")
    report.add({"highest_sustained_rate": highest})
    for step in steps:
        report.add(
            {
                f"visible_p95_seconds_at_{step.rate:g}": step.visible_p95,
                f"growth_at_{step.rate:g}": step.growth,
            }
        )


def report_naive(report: Report, ours: float, naive: float) -> None:
    """Reports images per second of both, and their ratio."""
    console.print(
        f"platform {ours:.1f} images/s, naive pattern {naive:.2f} images/s: "
        f"[bold]{ours / naive:.2f}[/] times as many"
    )
    report.add(
        {
            "platform_images_per_second": ours,
            "naive_images_per_second": naive,
            "platform_to_naive": ours / naive,
        }
    )
