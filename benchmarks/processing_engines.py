"""The processor and the libvips engine beside bare loops and sharp, over photographs in memory."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial

from benchmarks.processing_variants import (
    ENGINE,
    FORMATS,
    NAIVE,
    PROCESSOR,
    SHARP,
    TUNED,
    VIPS,
    Cost,
    Inputs,
    Variant,
    make_inputs,
    variants,
)
from benchmarks.rounds import Comparison, Rates, key, measure_variants, table_of
from infra.console import console
from infra.report import Report

COMPARISONS = (
    Comparison(PROCESSOR, "images", {NAIVE: 2.0, VIPS: 0.7, TUNED: 0.93, SHARP: None}),
    Comparison(ENGINE, "images", {VIPS: 0.9, SHARP: None}),
)

BOUNDED_FORMAT = "JPEG"
"""The limits were set for JPEG; PNG and WebP are mostly decoding, which all variants share."""

Round = Mapping[str, Cost]
Measured = Mapping[int, Sequence[Round]]
"""Rounds by megapixels."""

_SIZES_MEGAPIXELS = (2, 12)


def bench_engines(report: Report, rounds: int, total_megapixels: int) -> None:
    """Measures every variant over every input."""
    known, missing = variants()
    for sentence in missing:
        console.print(f"[yellow]{sentence}[/]")
    for format_ in FORMATS:
        measured = {}
        for megapixels in _SIZES_MEGAPIXELS:
            with console.status(f"making {format_} of {megapixels} megapixels"):
                inputs = make_inputs(format_, megapixels, total_megapixels)
            measured[megapixels] = _rounds(known, inputs, rounds)
        report_engines(report, format_, measured)


def report_engines(report: Report, format_: str, measured: Measured) -> None:
    """Reports rates, CPU times and ratios of one format."""
    _print_costs(format_, measured)
    rounds = len(next(iter(measured.values())))
    speeds, cpu = [_both(measured, turn) for turn in range(rounds)], _cpu_seconds(measured)
    for comparison in COMPARISONS:
        if format_ != BOUNDED_FORMAT:
            comparison = replace(comparison, limits=dict.fromkeys(comparison.limits))
        comparison.report_ratios(report, speeds, format_)
        for theirs in comparison.limits:
            if {comparison.ours, theirs} <= cpu.keys():
                ratio = cpu[theirs] / cpu[comparison.ours]
                console.print(f"  [dim]/ {theirs} by CPU time {ratio:.2f}[/]")
                report.add({key(comparison.ours, "to", theirs, format_, "by CPU"): ratio})
    for megapixels, sized in measured.items():
        for variant in sized[0]:
            for figure, value in asdict(_medians(sized, variant)).items():
                report.add({key(variant, f"{format_}_{megapixels}mp", figure): value})


def _rounds(known: Mapping[str, Variant], inputs: Inputs, rounds: int) -> list[Round]:
    def measure(name: str, turn: int) -> Cost:
        what = f"{inputs.format} of {inputs.megapixels} MP"
        with console.status(f"{what}: {name}, round {turn + 1} of {rounds}"):
            return known[name](inputs)

    return [
        measure_variants({name: partial(measure, name, turn) for name in known}, turn)
        for turn in range(rounds)
    ]


def _both(measured: Measured, turn: int) -> Rates:
    """Returns images per second over as many images of each size."""
    costs = [rounds[turn] for rounds in measured.values()]
    return {
        name: statistics.harmonic_mean([cost[name].images_per_second for cost in costs])
        for name in costs[0]
    }


def _cpu_seconds(measured: Measured) -> Rates:
    """Returns CPU seconds for one image of each size; a busy machine affects them least."""
    return {
        variant: sum(
            _medians(rounds, variant).cpu_seconds_per_megapixel * megapixels
            for megapixels, rounds in measured.items()
        )
        for variant in next(iter(measured.values()))[0]
    }


def _medians(rounds: Sequence[Round], variant: str) -> Cost:
    return Cost(
        statistics.median(one[variant].images_per_second for one in rounds),
        statistics.median(one[variant].cpu_seconds_per_megapixel for one in rounds),
    )


def _print_costs(format_: str, measured: Measured) -> None:
    headings = [
        heading
        for megapixels in measured
        for heading in (f"{megapixels} MP: images/s", "MP/s", "CPU ms/MP")
    ]
    table = table_of(f"{format_} to two renditions, medians", "", *headings)
    table.columns[0].no_wrap = True
    for variant in next(iter(measured.values()))[0]:
        cells = []
        for megapixels, rounds in measured.items():
            cost = _medians(rounds, variant)
            cells += [
                f"{cost.images_per_second:.1f}",
                f"{cost.images_per_second * megapixels:.0f}",
                f"{cost.cpu_seconds_per_megapixel * 1000:.1f}",
            ]
        table.add_row(variant, *cells)
    console.print(table)
