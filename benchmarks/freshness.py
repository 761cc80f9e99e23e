"""`darkroom bench freshness`: how soon an image is visible, and how many the platform takes.

It starts a whole platform of its own. Photographs are sent at a steady rate through three sources,
and the ledger says how long each stage took. Then the rate is raised until it is not sustained. At
last a bucket full of photographs is processed by the platform, and by the naive pattern: one run
per object.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Annotated

import psycopg
from typer import Option

from assets.resources.warehouse import read_rows
from assets.timing import utc_now
from benchmarks.load import VISIBLE_SECONDS, Delivery, Load, Step, digests, jpeg_pool, raise_rate
from benchmarks.naive_run import naive_rate
from benchmarks.rounds import Kafka, key, table_of
from benchmarks.stack import fresh_platform
from infra.console import console
from infra.local.dagster_api import cancel_runs
from infra.report import Bound, Direction, MeasurementError, Report

LEDGER_SECONDS = 10.0
"""95th percentile from arrival to the ledger has to be under this."""

_STEPS = "8,11,14,17,20,25,30"
_POOL = 24


ALL_SOURCES = "all sources"
LEDGER, VISIBLE = "arrival_to_ledger", "arrival_to_visible"
_SHOWN = {
    LEDGER: "arrival → ledger",
    "ledger_to_finished": "ledger → finished",
    "processing": "of it processing",
    VISIBLE: "arrival → visible",
}
# The views are live: an image is visible in them as soon as it is finished.
_STAGES = """
    select
        case when grouping(source) = 1 then %(all)s else source end as source,
        stage,
        count(*) as images,
        percentile_cont(0.5) within group (order by seconds) as median,
        percentile_cont(0.95) within group (order by seconds) as p95,
        max(seconds) as longest
    from image_catalog.image
    cross join unnest(
        %(stages)s::text[],
        array[
            extract(epoch from registered_at - arrived_at),
            extract(epoch from finished_at - registered_at),
            processing_seconds,
            extract(epoch from finished_at - arrived_at)
        ]::float8[]
    ) with ordinality as timed (stage, seconds, number)
    where state = 'processed' and sha256 = any(%(digests)s)
    group by grouping sets ((source, stage, number), (stage, number))
    order by grouping(source), image.source, number
"""
_RUNS = """
    select
        pipeline_name as job,
        count(*) as runs,
        coalesce(
            max(start_time - extract(epoch from create_timestamp at time zone 'UTC')), 0
        )::float8 as slowest_start_seconds
    from runs
    where create_timestamp >= to_timestamp(%s) at time zone 'UTC'
    group by pipeline_name
    order by pipeline_name
"""


@dataclass(frozen=True)
class Stage:
    """Seconds that one stage took the images of a source: median, 95th percentile and maximum."""

    source: str
    stage: str
    images: int
    median: float
    p95: float
    longest: float


@dataclass(frozen=True)
class JobRuns:
    """Runs of one job, and the longest time in seconds from a request to the first step."""

    job: str
    runs: int
    slowest_start_seconds: float


Freshness = tuple[Sequence[Stage], Delivery, Sequence[JobRuns]]
"""What was measured at a steady rate; the stages are those of each source, then of all."""


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
    with fresh_platform(kafka) as (stack, addresses):
        load = Load(stack, addresses, bodies)
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
            cancel_runs(stack.ports.dagster)
            for program in reversed(stack.programs):
                program.stop()
            report_naive(report, ours, naive_rate(stack, bodies, naive))
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
    delivery = load.send("freshness", rate, images)
    wanted = {"all": ALL_SOURCES, "stages": list(_SHOWN), "digests": digests(delivery.record)}
    with load.warehouse.connect() as ledger, psycopg.connect(load.dagster_conninfo) as dagster:
        stages = read_rows(ledger, Stage, _STAGES, wanted)
        return stages, delivery, read_rows(dagster, JobRuns, _RUNS, [began])


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
    _print_freshness(measured)
    stages, delivery, runs = measured
    p95 = {one.stage: one.p95 for one in stages if one.source == ALL_SOURCES}
    for stage, limit in ((LEDGER, LEDGER_SECONDS), (VISIBLE, VISIBLE_SECONDS)):
        report.check(Bound(f"p95 {_SHOWN[stage]}", p95[stage], Direction.UNDER, limit, "s"))
    for one in stages:
        for figure in ("median", "p95", "longest"):
            report.add({f"{key(one.source, one.stage)}_{figure}_seconds": getattr(one, figure)})
    report.add(
        {
            "images": len(delivery.record),
            "lost": delivery.lost,
            "duplicated": delivery.duplicated,
            "sent_to_visible_p95_seconds": delivery.visible_p95,
            "sender_late_p95_seconds": delivery.late_p95,
            "runs_meanwhile": sum(job.runs for job in runs),
        }
    )


def _print_freshness(measured: Freshness) -> None:
    stages, delivery, runs = measured
    title = "Seconds that each stage took"
    table = table_of(title, "source", "stage", "median", "p95", "longest")
    table.columns[1].justify = "left"
    for source, timed in groupby(stages, lambda one: one.source):
        for number, one in enumerate(timed):
            times = (f"{seconds:.2f}" for seconds in (one.median, one.p95, one.longest))
            first = "" if number else f"{source} ({one.images} images)"
            table.add_row(first, _SHOWN[one.stage], *times)
        table.add_section()
    console.print(table)
    console.print(
        f"{len(delivery.record)} sent, {delivery.lost} lost, {delivery.duplicated} duplicated; "
        f"by the sender's clock p95 from sending to visible {delivery.visible_p95:.2f} s "
        f"(p95 of its own delay {delivery.late_p95:.2f} s)"
    )
    for job in runs:
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
        report.add({f"visible_p95_seconds_at_{step.rate:g}": step.visible_p95})
        report.add({f"growth_at_{step.rate:g}": step.growth})


def report_naive(report: Report, ours: float, naive: float) -> None:
    """Reports images per second of both, and their ratio."""
    console.print(
        f"platform {ours:.1f} images/s, naive pattern {naive:.2f} images/s: "
        f"[bold]{ours / naive:.2f}[/] times as many"
    )
    report.add({"platform_images_per_second": ours, "naive_images_per_second": naive})
    report.add({"platform_to_naive": ours / naive})
