"""`make bench-ingest`: the cost of the sources and the ledger, beside a bare baseline.

Everything is measured in turns, in one run, over the same servers: the landing beside bare loops,
the ledger beside a raw COPY, the upload API beside a bare ASGI app. And the memory of a landing
run, over a backlog and over ten times as much.
"""

from __future__ import annotations

from collections.abc import Callable

import click

from assets.settings import Settings
from benchmarks.landing_memory import measure_memory
from benchmarks.landing_rates import LANDING, OBSTORE_LOOP, PUT_OBJECT_LOOP, measure_landing
from benchmarks.ledger_rows import (
    BINARY_COPY,
    RAW_COPY,
    REGISTER,
    make_raw_tables,
    measure_ledger,
)
from benchmarks.report import write_report
from benchmarks.rounds import Rates, console, median_ratio, medians, print_ratio, print_rounds
from benchmarks.stack import fresh_stack
from benchmarks.upload_rates import API, BARE_APP, baseline_app, measure_uploads, upload_api
from infra.local.dbt import parse_dbt_project
from infra.local.stack import Stack

LANDING_TARGET, LEDGER_TARGET, UPLOAD_TARGET = 0.80, 0.60, 0.70
MEMORY_TARGET_MIB = 512

_SIZES = {"200kB": 200_000, "2MB": 2_000_000}
_GROWTH = 10
_MIB = 1024**2

Figures = dict[str, float]


def in_rounds(what: str, rounds: int, measure: Callable[[int], Rates]) -> list[Rates]:
    """Measures again and again, each round begun by another of the variants."""
    measured = []
    for turn in range(rounds):
        with console.status(f"{what}: round {turn + 1} of {rounds}"):
            measured.append(measure(turn))
    return measured


def bench_landing(settings: Settings, rounds: int, messages: dict[str, int]) -> Figures:
    """Measures the landing beside both bare loops, for each size of message."""
    figures: Figures = {}
    for size, size_bytes in _SIZES.items():
        count = messages[size]

        def measure(turn: int, size_bytes: int = size_bytes, count: int = count) -> Rates:
            return measure_landing(settings, size_bytes, count, turn)

        measured = in_rounds(f"landing {count} messages of {size}", rounds, measure)
        print_rounds(f"Messages of {size} per second", measured, size_bytes / 1e6)
        for loop, target in ((PUT_OBJECT_LOOP, LANDING_TARGET), (OBSTORE_LOOP, None)):
            ratio = median_ratio(measured, LANDING, loop)
            print_ratio(LANDING, loop, ratio, target)
            figures[_key("landing_to", loop, size)] = ratio
        for variant, rate in medians(measured).items():
            figures[_key(variant, "messages_per_second", size)] = rate
            figures[_key(variant, "megabytes_per_second", size)] = rate * size_bytes / 1e6
    return figures


def bench_ledger(settings: Settings, admin_conninfo: str, rounds: int, rows: int) -> Figures:
    """Measures the ledger beside a raw COPY."""
    make_raw_tables(admin_conninfo)
    measured = in_rounds(
        f"ledger, {rows} rows",
        rounds,
        lambda turn: measure_ledger(settings, admin_conninfo, rows, turn),
    )
    print_rounds("Ledger rows per second", measured)
    figures = {
        _key(variant, "rows_per_second"): rate for variant, rate in medians(measured).items()
    }
    for copy, target in ((RAW_COPY, LEDGER_TARGET), (BINARY_COPY, None)):
        ratio = median_ratio(measured, REGISTER, copy)
        print_ratio(REGISTER, copy, ratio, target)
        figures[_key("ledger_to", copy)] = ratio
    return figures


def bench_memory(stack: Stack, backlog: int) -> Figures:
    """Measures the most memory of a landing run, over a backlog and over ten times as much."""
    env, figures = stack.environment(), Figures()
    parse_dbt_project(env)
    for messages in (backlog, _GROWTH * backlog):
        with console.status(f"memory: a backlog of {messages} messages"):
            held = measure_memory(stack.settings(), env, _SIZES["2MB"], messages)
        peak = held.peak_bytes / _MIB
        colour = "green" if peak < MEMORY_TARGET_MIB else "red"
        console.print(
            f"a run over {messages} messages of 2MB holds at most "
            f"[bold {colour}]{peak:.0f} MiB[/] (target under {MEMORY_TARGET_MIB}), "
            f"{held.idle_bytes / _MIB:.0f} MiB before it begins"
        )
        figures[f"landing_peak_mib_over_{messages}"] = peak
        figures[f"landing_idle_mib_over_{messages}"] = held.idle_bytes / _MIB
    return figures


def bench_uploads(stack: Stack, rounds: int, requests: dict[str, int]) -> Figures:
    """Measures the upload API beside a bare ASGI app, for each size of image."""
    figures: Figures = {}
    with upload_api(stack) as api, baseline_app(stack) as bare:
        for size, size_bytes in _SIZES.items():
            count = requests[size]

            def measure(turn: int, size_bytes: int = size_bytes, count: int = count) -> Rates:
                return measure_uploads(api, bare, size_bytes, count, turn)

            measured = in_rounds(f"uploading {count} images of {size}", rounds, measure)
            print_rounds(f"Uploads of {size} per second", measured, size_bytes / 1e6)
            ratio = median_ratio(measured, API, BARE_APP)
            print_ratio(API, BARE_APP, ratio, UPLOAD_TARGET)
            figures[_key("upload_to_bare_app", size)] = ratio
            for variant, rate in medians(measured).items():
                figures[_key(variant, "requests_per_second", size)] = rate
    return figures


def _key(*parts: str) -> str:
    return "_".join(part.lower().replace(" ", "_").replace(".", "_") for part in parts)


@click.command()
@click.option("--rounds", default=3, show_default=True, help="Medians are taken over these.")
@click.option("--small-messages", default=300, show_default=True, help="200 kB each, per round.")
@click.option("--large-messages", default=100, show_default=True, help="2 MB each, per round.")
@click.option("--ledger-rows", default=20_000, show_default=True, help="Per round.")
@click.option("--backlog", default=40, show_default=True, help="2 MB messages; and ten times that.")
@click.option("--small-uploads", default=400, show_default=True, help="200 kB each, per round.")
@click.option("--large-uploads", default=120, show_default=True, help="2 MB each, per round.")
@click.option("--kafka", type=click.Choice(["tansu", "apache"]), default="tansu", show_default=True)
@click.option(
    "--only",
    type=click.Choice(["landing", "ledger", "memory", "upload"]),
    multiple=True,
    help="Measure this part; may be given again.",
)
def main(
    rounds: int,
    small_messages: int,
    large_messages: int,
    ledger_rows: int,
    backlog: int,
    small_uploads: int,
    large_uploads: int,
    kafka: str,
    only: tuple[str, ...],
) -> None:
    """Measure the Kafka landing, the ledger and the upload API beside bare variants."""
    figures: Figures = {"rounds": rounds}
    with fresh_stack(kafka) as stack:
        settings, admin = stack.settings(), stack.environment()["DATABASE_ADMIN_URL"]
        parts = {
            "landing": lambda: bench_landing(
                settings, rounds, {"200kB": small_messages, "2MB": large_messages}
            ),
            "ledger": lambda: bench_ledger(settings, admin, rounds, ledger_rows),
            "memory": lambda: bench_memory(stack, backlog),
            "upload": lambda: bench_uploads(
                stack, rounds, {"200kB": small_uploads, "2MB": large_uploads}
            ),
        }
        for part in only or parts:
            figures |= parts[part]()
    console.print(f"as JSON: {write_report('ingest', figures)}")


if __name__ == "__main__":
    main(prog_name="make bench-ingest")
