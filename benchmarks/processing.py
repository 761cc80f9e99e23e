"""`make bench-processing`: what image processing takes, beside the least that could do the same.

Everything is measured in turns, in one run, on two cores: the processor in its isolated workers and
the libvips engine beside bare loops, over photographs in memory; the whole asset with S3, ledger
and all servers beside a bare loop; a batch's metadata beside a raw COPY; and ten times the images.
"""

from __future__ import annotations

import os

import click

from benchmarks.outcome_rows import bench_outcomes
from benchmarks.processing_asset import bench_asset, bench_growth
from benchmarks.processing_engines import bench_engines
from benchmarks.processing_variants import PROCESSES
from benchmarks.report import write_report
from benchmarks.rounds import console
from benchmarks.stack import fresh_stack

PARTS = ("engines", "asset", "metadata", "growth")


@click.command()
@click.option("--rounds", default=3, show_default=True, help="Medians are taken over these.")
@click.option("--megapixels", default=192, show_default=True, help="Per way, input and round.")
@click.option("--images", default=600, show_default=True, help="Of the whole asset, per round.")
@click.option("--backlog", default=200, show_default=True, help="Images; and ten times as many.")
@click.option("--rows", default=20_000, show_default=True, help="Images' metadata, per round.")
@click.option("--only", type=click.Choice(PARTS), multiple=True, help="May be given again.")
def main(
    rounds: int, megapixels: int, images: int, backlog: int, rows: int, only: tuple[str, ...]
) -> None:
    """Measure image processing beside bare loops over the same photographs."""
    stay_on_cores()
    parts, figures = only or PARTS, {"rounds": float(rounds)}
    if "engines" in parts:
        figures |= bench_engines(rounds, megapixels)
    if set(parts) - {"engines"}:
        figures |= _with_servers(parts, rounds, images, backlog, rows)
    console.print(f"as JSON: {write_report('processing', figures)}")


def stay_on_cores() -> None:
    """Keeps this process, and all that it starts, on two cores."""
    cores = sorted(os.sched_getaffinity(0))[:PROCESSES]
    if len(cores) < PROCESSES:
        raise click.ClickException(f"This is measured on {PROCESSES} cores; there is only one.")
    os.sched_setaffinity(0, cores)


def _with_servers(
    parts: tuple[str, ...], rounds: int, images: int, backlog: int, rows: int
) -> dict[str, float]:
    figures: dict[str, float] = {}
    with fresh_stack() as stack:
        if "asset" in parts:
            figures |= bench_asset(stack, rounds, images)
        if "growth" in parts:
            figures |= bench_growth(stack, backlog)
        if "metadata" in parts:
            admin = stack.environment()["DATABASE_ADMIN_URL"]
            figures |= bench_outcomes(stack.settings(), admin, rounds, rows)
    return figures


if __name__ == "__main__":
    main(prog_name="make bench-processing")
