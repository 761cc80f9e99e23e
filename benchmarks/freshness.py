"""`make bench-freshness`: how soon an image is visible, and how many the platform takes.

A whole platform of its own. Photographs are sent at a steady rate through three sources, and the
ledger tells what each stage took. Then the pace is raised until it is not sustained. At last a
bucket full of photographs goes through the platform, and through the naive pattern: a run each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import click
from rich.table import Table

from assets.timing import utc_now
from benchmarks.dagster_runs import JobRuns, runs_since
from benchmarks.highest_rate import VISIBLE_SECONDS, Step, raise_rate
from benchmarks.load import Load, jpeg_pool
from benchmarks.naive_run import naive_rate
from benchmarks.report import write_report
from benchmarks.rounds import console, print_ratio
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

LEDGER_SECONDS = 10.0
"""95th percentile from arrival to the ledger that is wanted."""

_POOL = 24


@dataclass(frozen=True)
class Freshness:
    """What a steady pace came to: stages by source, the account, and the runs that it took."""

    sources: Sequence[SourceStages]
    account: DeliveryCount
    runs: Sequence[JobRuns]


def measure_freshness(load: Load, rate: float, images: int) -> Freshness:
    """Sends at a steady pace through all sources and reads what each stage took."""
    began = utc_now().timestamp()
    followed, account = load.send("freshness", rate, images)
    with load.platform.warehouse.connect() as connection:
        sources = read_stages(connection, followed.record)
    return Freshness(sources, account, runs_since(load.platform.dagster_conninfo, began))


def find_highest_rate(load: Load, rates: Sequence[float], seconds: float) -> list[Step]:
    """Raises the rate step by step until it is not sustained."""
    steps = []
    for step in raise_rate(rates, lambda rate: load.try_rate(rate, seconds)):
        steps.append(step)
        verdict = "[green]sustained[/]" if step.is_sustained else "[red]not sustained[/]"
        console.print(
            f"  {step.rate:g} images/s: {verdict}, p95 to visible {step.visible_p95:.1f} s, "
            f"waiting grows by {step.growth:+.2f}/s"
        )
    return steps


def print_freshness(found: Freshness) -> None:
    """Prints the stages of each source, and the two percentiles that are wanted."""
    table = Table("source", "stage", title="Seconds that each stage took", title_justify="left")
    for column in ("median", "p95", "longest"):
        table.add_column(column, justify="right")
    for source in found.sources:
        title = f"{source.source} ({source.images} images)"
        for name, spread in source.stages.items():
            times = (spread.median, spread.p95, spread.longest)
            table.add_row(title, name, *(f"{seconds:.2f}" for seconds in times))
            title = ""
        table.add_section()
    console.print(table)
    account = found.account
    console.print(
        f"{account.sent} sent, {account.lost} lost, {account.duplicated} duplicated; "
        f"by the sender's clock p95 from sending to visible {account.visible_p95:.2f} s "
        f"(it kept its pace to {account.late_p95:.2f} s)"
    )
    for job in found.runs:
        console.print(
            f"  {job.job}: {job.runs} runs, the slowest started {job.slowest_start_seconds:.1f} s "
            "after it was asked for"
        )
    _print_target(found, LEDGER, LEDGER_SECONDS)
    _print_target(found, VISIBLE, VISIBLE_SECONDS)


def _print_target(found: Freshness, stage: str, target: float) -> None:
    p95 = _overall(found).stages[stage].p95
    colour = "green" if p95 < target else "red"
    console.print(f"p95 {stage} [bold {colour}]{p95:.2f} s[/] (target under {target:.0f} s)")


def _overall(found: Freshness) -> SourceStages:
    [overall] = [source for source in found.sources if source.source == ALL_SOURCES]
    return overall


def figures_of(found: Freshness) -> dict[str, float]:
    """Returns the stages as flat keys and numbers."""
    figures: dict[str, float] = {}
    for source in found.sources:
        for name, spread in source.stages.items():
            key = f"{source.source}_{STAGES[name]}".replace(" ", "_")
            figures |= {
                f"{key}_median_seconds": spread.median,
                f"{key}_p95_seconds": spread.p95,
                f"{key}_longest_seconds": spread.longest,
            }
    return figures | {
        "images": found.account.sent,
        "lost": found.account.lost,
        "duplicated": found.account.duplicated,
        "sent_to_visible_p95_seconds": found.account.visible_p95,
        "sender_late_p95_seconds": found.account.late_p95,
        "runs_meanwhile": sum(job.runs for job in found.runs),
    }


def _rates(_context: click.Context, _parameter: click.Parameter, text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise click.BadParameter("Rates are numbers with commas between, as in 8,11,14.") from error


@click.command()
@click.option("--rate", default=5.0, show_default=True, help="Images per second, all sources.")
@click.option("--minutes", default=5.0, show_default=True, help="How long at that rate; 0: not.")
@click.option("--megapixels", default=2.0, show_default=True, help="Size of each photograph.")
@click.option(
    "--steps",
    default="8,11,14,17,20,25,30",
    show_default=True,
    callback=_rates,
    help="Rates to try for the highest one; empty: none.",
)
@click.option("--step-seconds", default=60.0, show_default=True, help="How long each.")
@click.option("--drop", default=400, show_default=True, help="Images dropped at once; 0: none.")
@click.option("--naive", default=40, show_default=True, help="Images for the naive pattern.")
@click.option("--kafka", type=click.Choice(["tansu", "apache"]), default="tansu", show_default=True)
def main(
    rate: float,
    minutes: float,
    megapixels: float,
    steps: list[float],
    step_seconds: float,
    drop: int,
    naive: int,
    kafka: str,
) -> None:
    """Measure freshness, the highest sustained rate, and the naive pattern beside the platform."""
    with console.status(f"making photographs of {megapixels:g} megapixels"):
        bodies = jpeg_pool(_POOL, megapixels)
    figures: dict[str, float] = {"rate": rate, "minutes": minutes, "megapixels": megapixels}
    figures["mean_bytes"] = sum(map(len, bodies)) / len(bodies)
    with fresh_platform(kafka) as platform:
        load = Load(platform, bodies)
        load.warm_up(rate)
        if minutes:
            console.print(f"[bold]{rate:g} images per second for {minutes:g} minutes[/]")
            found = measure_freshness(load, rate, round(60 * rate * minutes))
            print_freshness(found)
            figures |= figures_of(found)
        if steps:
            console.print(f"[bold]The highest sustained rate[/], {step_seconds:g} seconds each")
            tried = find_highest_rate(load, steps, step_seconds)
            figures |= report_highest(tried)
        if drop and naive:
            console.print("[bold]Beside the naive pattern[/], a run for each object")
            ours = load.drop(drop)
            platform.stop_programs()
            figures |= report_naive(ours, naive_rate(platform.stack, bodies, naive))
    console.print(f"as JSON: {write_report('freshness', figures)}")


def report_highest(steps: Sequence[Step]) -> dict[str, float]:
    """Prints the last rate that was sustained."""
    good = [step.rate for step in steps if step.is_sustained]
    highest = max(good, default=0.0)
    more = "" if len(good) < len(steps) else " or more: every step was sustained"
    console.print(f"highest sustained rate [bold]{highest:g}[/] images per second{more}")
    figures = {"highest_sustained_rate": highest}
    for step in steps:
        figures[f"visible_p95_seconds_at_{step.rate:g}"] = step.visible_p95
        figures[f"growth_at_{step.rate:g}"] = step.growth
    return figures


def report_naive(ours: float, naive: float) -> dict[str, float]:
    """Prints images per second of both, and their ratio."""
    console.print(f"platform {ours:.1f} images/s, naive pattern {naive:.2f} images/s")
    print_ratio("platform", "naive pattern", ours / naive)
    return {
        "platform_images_per_second": ours,
        "naive_images_per_second": naive,
        "platform_to_naive": ours / naive,
    }


if __name__ == "__main__":
    main(prog_name="make bench-freshness")
