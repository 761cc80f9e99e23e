"""`darkroom bench processing`: the cost of image processing, beside the least that could do it.

Everything is measured in turns, in one run, on two cores: the processor in its isolated workers and
the libvips engine beside bare loops, over photographs in memory; the whole asset with S3, ledger
and all servers beside a bare loop; a batch's metadata beside a raw COPY; and ten times the images.
"""

import os
from enum import StrEnum
from functools import partial
from typing import Annotated

from typer import Option

from benchmarks.outcome_rows import TABLES, WRITE, measure_outcomes
from benchmarks.processing_asset import bench_asset, bench_growth
from benchmarks.processing_engines import bench_engines
from benchmarks.processing_variants import PROCESSES
from benchmarks.raw_copy import BINARY_COPY, RAW_COPY
from benchmarks.rounds import ONLY, Comparison, Rounds, measure_rounds
from benchmarks.stack import fresh_stack
from infra.report import MeasurementError, Report

Part = StrEnum("Part", ["engines", "asset", "growth", "metadata"])

METADATA_RATES = Comparison(WRITE, "images", {RAW_COPY: 0.60, BINARY_COPY: None})


def run(
    rounds: Rounds = 3,
    megapixels: Annotated[int, Option(help="Per variant, input and round.")] = 192,
    images: Annotated[int, Option(help="Of the whole asset, per round.")] = 600,
    backlog: Annotated[int, Option(help="Images, and ten times as many.")] = 200,
    rows: Annotated[int, Option(help="Images whose metadata is written, per round.")] = 20_000,
    only: Annotated[list[Part] | None, ONLY] = None,
) -> None:
    """Measure image processing beside bare loops over the same photographs."""
    _stay_on_cores()
    report = Report("processing", {"rounds": rounds})
    parts = only or list(Part)
    if "engines" in parts:
        bench_engines(report, rounds, megapixels)
    if set(parts) != {Part.engines}:
        with fresh_stack() as stack:
            if "asset" in parts:
                bench_asset(report, stack, rounds, images)
            if "growth" in parts:
                bench_growth(report, stack, backlog)
            if "metadata" in parts:
                TABLES.create(stack)
                what = f"metadata of {rows} images, two renditions each"
                measured = measure_rounds(what, rounds, partial(measure_outcomes, stack, rows))
                METADATA_RATES.report_rates(report, measured)
    report.finish()


def _stay_on_cores() -> None:
    cores = sorted(os.sched_getaffinity(0))[:PROCESSES]
    if len(cores) < PROCESSES:
        raise MeasurementError(f"This is measured on {PROCESSES} cores; there is only one.")
    os.sched_setaffinity(0, cores)
