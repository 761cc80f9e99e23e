"""The processor and the libvips engine beside bare loops and sharp, over photographs in memory."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence

from rich.table import Table

from benchmarks.processing_inputs import FORMATS, SIZES, Inputs, make_inputs
from benchmarks.processing_variants import (
    ENGINE,
    NAIVE,
    PROCESSOR,
    SHARP,
    TUNED,
    VIPS,
    Cost,
    variants,
)
from benchmarks.rounds import Rates, console, median_ratio, print_ratio, rotated

TARGETS = (
    (PROCESSOR, NAIVE, 2.0),
    (PROCESSOR, VIPS, 0.7),
    (PROCESSOR, TUNED, 0.93),
    (PROCESSOR, SHARP, None),
    (ENGINE, VIPS, 0.9),
    (ENGINE, SHARP, None),
)
"""What is compared, and the least that is good enough."""

TARGET_FORMAT = "JPEG"
"""The targets were set by JPEGs; of PNG and WebP most of the time is decoding, which all share."""

Round = Mapping[str, Cost]
Variant = Callable[[Inputs], Cost]


def bench_engines(rounds: int, total_megapixels: int) -> dict[str, float]:
    """Measures every variant over every input, prints tables and ratios, returns figures."""
    known, missing = variants()
    for sentence in missing:
        console.print(f"[yellow]{sentence}[/]")
    figures: dict[str, float] = {}
    for format_ in FORMATS:
        measured = {}
        for megapixels in SIZES:
            with console.status(f"making {format_} of {megapixels} megapixels"):
                inputs = make_inputs(format_, megapixels, total_megapixels)
            measured[megapixels] = _rounds(known, inputs, rounds)
        _print_costs(format_, measured)
        speeds = [_both(measured, turn) for turn in range(rounds)]
        figures |= _ratios(format_, speeds, _cpu_seconds(measured))
        figures |= _figures(format_, measured)
    return figures


def _rounds(known: Mapping[str, Variant], inputs: Inputs, rounds: int) -> list[Round]:
    measured: list[Round] = []
    for turn in range(rounds):
        costs = {}
        for name in rotated(list(known), turn):
            with console.status(f"{inputs.name}: {name}, round {turn + 1} of {rounds}"):
                costs[name] = known[name](inputs)
        measured.append({name: costs[name] for name in known})
    return measured


def _both(measured: Mapping[int, Sequence[Round]], turn: int) -> Rates:
    """Returns images per second of working through as many images of each size."""
    costs = [rounds[turn] for rounds in measured.values()]
    return {
        name: statistics.harmonic_mean([cost[name].images_per_second for cost in costs])
        for name in costs[0]
    }


def _cpu_seconds(measured: Mapping[int, Sequence[Round]]) -> Rates:
    """Returns CPU seconds of one image of each size; a busy machine changes them least."""
    return {
        variant: sum(
            _medians(rounds, variant).cpu_seconds_per_megapixel * megapixels
            for megapixels, rounds in measured.items()
        )
        for variant in next(iter(measured.values()))[0]
    }


def _ratios(format_: str, rounds: Sequence[Rates], cpu: Rates) -> dict[str, float]:
    figures = {}
    for ours, theirs, target in TARGETS:
        if ours in rounds[0] and theirs in rounds[0]:
            ratio = median_ratio(rounds, ours, theirs)
            print_ratio(ours, theirs, ratio, target if format_ == TARGET_FORMAT else None)
            console.print(f"  [dim]the same by CPU time {cpu[theirs] / cpu[ours]:.2f}[/]")
            figures[key(ours, "to", theirs, format_)] = ratio
            figures[key(ours, "to", theirs, format_, "by CPU")] = cpu[theirs] / cpu[ours]
    console.print()
    return figures


def _medians(rounds: Sequence[Round], variant: str) -> Cost:
    return Cost(
        statistics.median(one[variant].images_per_second for one in rounds),
        statistics.median(one[variant].cpu_seconds_per_megapixel for one in rounds),
    )


def _print_costs(format_: str, measured: Mapping[int, Sequence[Round]]) -> None:
    table = Table(title=f"{format_} to two renditions, medians", title_justify="left")
    table.add_column("", no_wrap=True)
    for megapixels in measured:
        for column in (f"{megapixels} MP: images/s", "MP/s", "CPU ms/MP"):
            table.add_column(column, justify="right")
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


def _figures(format_: str, measured: Mapping[int, Sequence[Round]]) -> dict[str, float]:
    figures = {}
    for megapixels, rounds in measured.items():
        for variant in rounds[0]:
            cost, name = _medians(rounds, variant), f"{format_}_{megapixels}mp"
            figures[key(variant, name, "images_per_second")] = cost.images_per_second
            figures[key(variant, name, "megapixels_per_second")] = (
                cost.images_per_second * megapixels
            )
            figures[key(variant, name, "cpu_seconds_per_megapixel")] = (
                cost.cpu_seconds_per_megapixel
            )
    return figures


def key(*parts: str) -> str:
    """Returns the name of a figure."""
    return "_".join(parts).lower().replace(" ", "_").replace(",", "")
