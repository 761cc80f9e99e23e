"""`make bench`: images per second of the processing asset, beside bare Pillow loops.

Both make the same renditions of the same photographs, in turns, in one run. The loop reads from
memory and keeps its results there, in as many processes as the asset has workers; the asset claims
from the ledger, fetches from and stores in the object store, and lands its metadata, with all the
servers on the same machine. Their ratio is what the platform costs.
"""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime

import click
import dagster as dg
from rich.console import Console
from rich.table import Table

from assets.images.assets import ARRIVAL_DAYS, renditions
from assets.images.messages.landing import Landing
from assets.images.processing.processor import process
from assets.images.processing.recipe import STANDARD
from assets.resources.event_log import EventLog
from assets.resources.object_store import ObjectStore
from assets.resources.warehouse import Warehouse
from assets.settings import Settings
from benchmarks.naive_pillow import naive
from benchmarks.report import write_report
from benchmarks.stack import fresh_stack
from infra.demo.photographs import Photograph, photographs
from infra.demo.senders import produce_to_topic

console = Console(highlight=False)


@dataclass(frozen=True)
class Rates:
    """Images per second of each way of working, measured one after the other."""

    naive_loop: float
    tuned_loop: float
    asset: float


def tuned(body: bytes) -> None:
    """Does what the asset's workers do, without asset and workers."""
    process(body, STANDARD)


def loop_rate(work: Callable[[bytes], object], bodies: Sequence[bytes], processes: int) -> float:
    """Returns images per second of a bare loop in some processes, their start not counted."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        list(pool.map(work, bodies[: 2 * processes]))
        started = time.perf_counter()
        for _ in pool.map(work, bodies):
            pass
        return len(bodies) / (time.perf_counter() - started)


def asset_rate(settings: Settings, pictures: Sequence[Photograph]) -> float:
    """Lands the photographs, and returns images per second of materialising the asset."""
    store, warehouse = ObjectStore.from_settings(settings), Warehouse.from_settings(settings)
    produce_to_topic(settings, pictures, lambda: None)
    Landing(settings, EventLog(settings), store, warehouse).run()
    day = datetime.now(UTC).date().isoformat()
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(ARRIVAL_DAYS.name or "", [day])
        started = time.perf_counter()
        result = dg.materialize(
            [renditions],
            partition_key=day,
            instance=instance,
            run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}},
            resources={"settings": settings, "object_store": store, "warehouse": warehouse},
        )
        seconds = time.perf_counter() - started
    [made, _] = result.asset_materializations_for_node("renditions")
    processed = made.metadata["processed"].value
    if processed != len(pictures):
        raise click.ClickException(f"Only {processed} of {len(pictures)} photographs came through.")
    return len(pictures) / seconds


def measure(settings: Settings, pictures: Sequence[Photograph]) -> Rates:
    """Measures the three ways of working on the same photographs."""
    bodies, processes = [picture.body for picture in pictures], settings.processing_workers
    return Rates(
        naive_loop=loop_rate(naive, bodies, processes),
        tuned_loop=loop_rate(tuned, bodies, processes),
        asset=asset_rate(settings, pictures),
    )


def print_table(rounds: Sequence[Rates], medians: Rates) -> None:
    """Prints images per second and what they are of the bare loops."""
    table = Table(title="Processing, images per second", title_justify="left")
    for column in ("", *(f"round {number + 1}" for number in range(len(rounds))), "median"):
        table.add_column(column, justify="right" if column else "left")
    for way in fields(Rates):
        values = [getattr(rates, way.name) for rates in (*rounds, medians)]
        table.add_row(way.name.replace("_", " "), *(f"{value:.1f}" for value in values))
    console.print(table)
    console.print(
        f"asset / naive loop [bold]{medians.asset / medians.naive_loop:.2f}[/]   "
        f"asset / tuned loop [bold]{medians.asset / medians.tuned_loop:.2f}[/]"
    )


@click.command()
@click.option("--images", default=500, show_default=True, help="Photographs per round.")
@click.option("--megapixels", default=2.0, show_default=True, help="Size of each.")
@click.option("--rounds", default=3, show_default=True, help="Medians are taken over these.")
def main(images: int, megapixels: float, rounds: int) -> None:
    """Compare the processing asset with bare Pillow loops on the same photographs."""
    with console.status(f"making {images} photographs of {megapixels:g} megapixels"):
        pictures = list(photographs(images, megapixels=megapixels))
    measured = []
    with fresh_stack() as stack:
        settings = stack.settings().model_copy(update={"run_linger_seconds": 0.0})
        for number in range(rounds):
            with console.status(f"round {number + 1} of {rounds}"):
                measured.append(measure(settings, pictures))
    medians = Rates(
        *(statistics.median(getattr(r, f.name) for r in measured) for f in fields(Rates))
    )
    print_table(measured, medians)
    figures = {f"{name}_images_per_second": rate for name, rate in asdict(medians).items()} | {
        "asset_to_naive_loop": medians.asset / medians.naive_loop,
        "asset_to_tuned_loop": medians.asset / medians.tuned_loop,
        "images": images,
        "megapixels": megapixels,
        "rounds": rounds,
        "processes": settings.processing_workers,
    }
    console.print(f"as JSON: {write_report('processing', figures)}")


if __name__ == "__main__":
    main(prog_name="make bench")
