"""`make bench-retention`: what deletion takes, beside the least that could do the same.

In turns, in one run, over the same servers: a day's partition dropped beside a DELETE; a purge of
images with all their objects beside bare batch deletes; the landing alone beside the landing while
a purge goes on; and how long it takes to erase images at once.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import TypeVar

import click
from rich.table import Table

from benchmarks.report import write_report
from benchmarks.retention_days import DELETE, DROP, Cost, measure_days
from benchmarks.retention_ingest import ALONE, DURING_PURGE, measure_ingestion
from benchmarks.retention_objects import BARE, PURGE, measure_deletion, measure_erasure
from benchmarks.rounds import console, median_ratio, medians, print_ratio, print_rounds
from benchmarks.stack import fresh_stack
from infra.local.stack import Stack

DELETION_TARGET = 0.90
MAX_SLOWDOWN = 0.20
ERASURE_TARGET_SECONDS = 60

PARTS = ("days", "objects", "ingestion", "erasure")

_MIB = 1024**2

Figures = dict[str, float]
_Measured = TypeVar("_Measured")


def in_rounds(what: str, rounds: int, measure: Callable[[int], _Measured]) -> list[_Measured]:
    """Measures again and again, each round begun by another of the variants."""
    measured = []
    for turn in range(rounds):
        console.print(f"[dim]{what}: round {turn + 1} of {rounds}[/]")
        measured.append(measure(turn))
    return measured


def bench_days(stack: Stack, rounds: int, rows: int) -> Figures:
    """Measures the drop of a day's partition beside a DELETE of its rows."""
    settings, admin = stack.settings(), stack.environment()["DATABASE_ADMIN_URL"]
    measured = in_rounds(
        f"two days of {rows:,} images",
        rounds,
        lambda turn: measure_days(settings, admin, rows, turn),
    )
    costs = {
        variant: _median_cost([one[variant] for one in measured]) for variant in (DROP, DELETE)
    }
    _print_costs(f"A day of {rows:,} images goes", costs)
    drop, delete = costs[DROP], costs[DELETE]
    seconds, log = delete.seconds / drop.seconds, delete.wal_bytes / max(1, drop.wal_bytes)
    console.print(
        f"{DELETE} takes [bold]{seconds:,.1f}[/] times as long as the {DROP}, and writes "
        f"[bold]{log:,.0f}[/] times as much log"
    )
    return {
        "delete_to_drop_seconds": seconds,
        "delete_to_drop_log_bytes": log,
        "drop_seconds": drop.seconds,
        "drop_log_bytes": drop.wal_bytes,
        "drop_locked_seconds": drop.locked_seconds,
        "drop_longest_wait_seconds": drop.wait_seconds,
        "delete_seconds": delete.seconds,
        "delete_log_bytes": delete.wal_bytes,
        "delete_longest_wait_seconds": delete.wait_seconds,
    }


def bench_objects(stack: Stack, rounds: int, images: int) -> Figures:
    """Measures a purge of images beside bare batch deletes of as many objects."""
    settings, env = stack.settings(), stack.environment()
    measured = in_rounds(
        f"a purge of {images:,} images",
        rounds,
        lambda turn: measure_deletion(settings, env, images, turn),
    )
    rates = [one.rates for one in measured]
    print_rounds("Objects deleted per second", rates)
    ratio = median_ratio(rates, PURGE, BARE)
    print_ratio(PURGE, BARE, ratio, DELETION_TARGET)
    peak = max(one.purge.peak_bytes for one in measured) / _MIB
    idle = max(one.purge.idle_bytes for one in measured) / _MIB
    console.print(
        f"the purge holds at most [bold]{peak:.0f} MiB[/], {idle:.0f} MiB before it begins"
    )
    return {
        "purge_to_bare_deletes": ratio,
        "purge_objects_per_second": medians(rates)[PURGE],
        "bare_objects_per_second": medians(rates)[BARE],
        "purge_seconds": statistics.median(one.purge.seconds for one in measured),
        "purge_peak_mib": peak,
        "purge_idle_mib": idle,
    }


def bench_ingestion(stack: Stack, rounds: int, messages: int, images: int) -> Figures:
    """Measures the landing alone, and while a purge goes on."""
    settings, env = stack.settings(), stack.environment()
    measured = in_rounds(
        f"landing {messages:,} messages, and a purge of {images:,} images meanwhile",
        rounds,
        lambda _: measure_ingestion(settings, env, messages, images),
    )
    print_rounds("Messages landed per second", measured)
    fall = 1 - median_ratio(measured, DURING_PURGE, ALONE)
    colour = "green" if fall < MAX_SLOWDOWN else "red"
    console.print(
        f"the landing falls by [bold {colour}]{fall:.0%}[/] during a purge "
        f"(target under {MAX_SLOWDOWN:.0%})"
    )
    return {
        "landing_falls_by": fall,
        "landing_alone_messages_per_second": medians(measured)[ALONE],
        "landing_during_purge_messages_per_second": medians(measured)[DURING_PURGE],
    }


def bench_erasure(stack: Stack, rounds: int, images: int) -> Figures:
    """Measures how long it takes to erase images."""
    settings = stack.settings()
    measured = in_rounds(
        f"an erasure of {images:,} images", rounds, lambda _: measure_erasure(settings, images)
    )
    seconds = statistics.median(measured)
    colour = "green" if seconds < ERASURE_TARGET_SECONDS else "red"
    console.print(
        f"{images:,} images are erased in [bold {colour}]{seconds:.1f} s[/] "
        f"(target under {ERASURE_TARGET_SECONDS} s for 10,000)"
    )
    return {"erasure_seconds": seconds, "erased_images": images}


def _median_cost(costs: Sequence[Cost]) -> Cost:
    return Cost(
        seconds=statistics.median(one.seconds for one in costs),
        wal_bytes=statistics.median(one.wal_bytes for one in costs),
        wait_seconds=max(one.wait_seconds for one in costs),
        locked_seconds=max(one.locked_seconds for one in costs),
    )


def _print_costs(title: str, costs: dict[str, Cost]) -> None:
    table = Table("", title=title, title_justify="left")
    for column in ("seconds", "log, MiB", "longest wait, ms", "locked, ms"):
        table.add_column(column, justify="right")
    for variant, cost in costs.items():
        table.add_row(
            variant,
            f"{cost.seconds:.3f}",
            f"{cost.wal_bytes / _MIB:,.2f}",
            f"{cost.wait_seconds * 1000:,.0f}",
            f"{cost.locked_seconds * 1000:,.0f}",
        )
    console.print(table)


@click.command()
@click.option("--rounds", default=3, show_default=True, help="Medians are taken over these.")
@click.option("--rows", default=1_000_000, show_default=True, help="Images of a day, per variant.")
@click.option("--images", default=100_000, show_default=True, help="Purged at once, per round.")
@click.option("--messages", default=6_000, show_default=True, help="50 kB each, landed per round.")
@click.option("--purged", default=20_000, show_default=True, help="Images, while messages land.")
@click.option("--erased", default=10_000, show_default=True, help="Images, per round.")
@click.option("--kafka", type=click.Choice(["tansu", "apache"]), default="tansu", show_default=True)
@click.option("--only", type=click.Choice(PARTS), multiple=True, help="May be given again.")
def main(
    rounds: int,
    rows: int,
    images: int,
    messages: int,
    purged: int,
    erased: int,
    kafka: str,
    only: tuple[str, ...],
) -> None:
    """Measure deletion beside the least that could do the same."""
    figures: Figures = {"rounds": float(rounds)}
    with fresh_stack(kafka) as stack:
        parts: dict[str, Callable[[], Figures]] = {
            "days": lambda: bench_days(stack, rounds, rows),
            "objects": lambda: bench_objects(stack, rounds, images),
            "ingestion": lambda: bench_ingestion(stack, rounds, messages, purged),
            "erasure": lambda: bench_erasure(stack, rounds, erased),
        }
        for part in only or PARTS:
            figures |= parts[part]()
    console.print(f"as JSON: {write_report('retention', figures)}")


if __name__ == "__main__":
    main(prog_name="make bench-retention")
