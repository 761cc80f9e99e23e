"""The whole asset with S3, ledger and servers on the same cores: its rate, stages and memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from psycopg import sql
from psycopg.rows import dict_row

from assets.ingestion.bucket.registration import Registration
from assets.resources.object_store import ObjectStore
from assets.resources.warehouse import Warehouse
from assets.settings import Settings
from benchmarks.naive_pillow import tuned
from benchmarks.processing_inputs import make_inputs
from benchmarks.processing_variants import PROCESSES, TUNED, cpu_seconds, measure_loop
from benchmarks.rounds import console, measure_round, median_ratio, print_ratio, print_rounds
from infra.local.stack import Stack

ASSET = "the whole asset"
TARGET, GROWTH_TARGET, MEMORY_TARGET = 0.7, 10.5, 1.1

_GROWTH = 10
_MEGAPIXELS = 2
_MIB = 1024**2
_PROJECT = Path(__file__).parents[1]
_STAGES = ("fetch", "decode", "render", "encode", "describe", "store")
_SUMS = """
    select {sums}
    from image_catalog.image
    where state = 'processed' and starts_with(object_key, {folder})
"""


@dataclass(frozen=True)
class Run:
    """What a run said of itself.

    Attributes:
        seconds: Of the asset's materialisation; the start of its workers counts.
        run_cpu_seconds: Of the run's process while it materialised.
        servers_cpu_seconds: By server, beside it.
        worker_peak_bytes: Of the largest worker.
    """

    processed: int
    seconds: float
    run_cpu_seconds: float
    workers_cpu_seconds: float
    run_peak_bytes: int
    worker_peak_bytes: int
    servers_cpu_seconds: Mapping[str, float]


def bench_asset(stack: Stack, rounds: int, images: int) -> dict[str, float]:
    """Measures the whole asset beside a bare tuned loop over the same photographs."""
    settings, inputs = stack.settings(), make_inputs("JPEG", _MEGAPIXELS, _MEGAPIXELS * images)
    runs: list[Run] = []

    def asset() -> float:
        arrive(settings, f"asset-{len(runs)}", inputs.bodies, images)
        runs.append(process_all(stack, images))
        return images / runs[-1].seconds

    measured = []
    for turn in range(rounds):
        with console.status(f"the asset, {images} images: round {turn + 1} of {rounds}"):
            loop = lambda: measure_loop(tuned, inputs).images_per_second  # noqa: E731
            measured.append(measure_round({ASSET: asset, TUNED: loop}, turn))
    print_rounds(f"JPEG of {_MEGAPIXELS} MP per second", measured)
    ratio = median_ratio(measured, ASSET, TUNED)
    print_ratio(ASSET, TUNED, ratio, TARGET)
    return {"asset_to_bare_tuned_pillow": ratio} | _print_stages(settings, runs[-1], len(runs) - 1)


def bench_growth(stack: Stack, images: int) -> dict[str, float]:
    """Measures the asset over some images and over ten times as many: time and memory."""
    settings, inputs = stack.settings(), make_inputs("JPEG", _MEGAPIXELS, _MEGAPIXELS)
    runs = []
    for count in (images, _GROWTH * images):
        with console.status(f"growth: {count} images"):
            arrive(settings, f"growth-{count}", inputs.bodies, count)
            runs.append(process_all(stack, count))
        _print_run(runs[-1])
    few, many = runs
    time, memory = many.seconds / few.seconds, many.run_peak_bytes / few.run_peak_bytes
    _print_limit(f"{_GROWTH} times the images, times the time", time, GROWTH_TARGET)
    _print_limit("times the memory of the run", memory, MEMORY_TARGET)
    worker = many.worker_peak_bytes / few.worker_peak_bytes
    _print_limit("times the memory of a worker", worker, MEMORY_TARGET)
    return {
        "growth_of_time": time,
        "growth_of_run_memory": memory,
        "growth_of_worker_memory": worker,
        "run_peak_mib": many.run_peak_bytes / _MIB,
        "worker_peak_mib": many.worker_peak_bytes / _MIB,
    }


def arrive(settings: Settings, folder: str, bodies: Sequence[bytes], count: int) -> None:
    """Puts so many images into the raw bucket and makes them known, before anything is measured.

    Raises:
        click.ClickException: the ledger got to know fewer.
    """
    store, warehouse = ObjectStore(settings), Warehouse.from_settings(settings)
    for number in range(count):
        key = f"{folder}/{number:06d}"
        store.put(settings.raw_bucket, key, bodies[number % len(bodies)], "image/jpeg")
    registered = 0
    while registered < count:
        made = Registration(settings, store, warehouse).run().new_images
        if not made:
            raise click.ClickException(f"Only {registered} of {count} images were made known.")
        registered += made


def process_all(stack: Stack, count: int) -> Run:
    """Processes what waits, in a process of its own.

    Raises:
        click.ClickException: the run failed, or processed another number of images.
    """
    names = {"RUN_LINGER_SECONDS": "0", "PROCESSING_WORKERS": str(PROCESSES)}
    before = _servers_cpu_seconds(stack)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.processing_run"],
        env={**os.environ, **stack.environment(), **names},
        cwd=_PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise click.ClickException(f"The run failed; it said: {done.stderr[-2000:]}")
    servers = {name: now - before[name] for name, now in _servers_cpu_seconds(stack).items()}
    told = json.loads(done.stdout.strip().splitlines()[-1])
    run = Run(**told, servers_cpu_seconds=servers)
    if run.processed != count:
        raise click.ClickException(f"{run.processed} of {count} images were processed.")
    return run


def _servers_cpu_seconds(stack: Stack) -> dict[str, float]:
    running = {server.name: server.process() for server in stack.servers}
    return {name: cpu_seconds(process) for name, process in running.items() if process}


def stage_seconds(settings: Settings, folder: str) -> Mapping[str, float]:
    """Sums up what each stage took of the images below a folder of the raw bucket."""
    sums = sql.SQL(", ").join(
        sql.SQL("sum({})::float8 as {}").format(
            sql.Identifier(f"{stage}_seconds"), sql.Identifier(stage)
        )
        for stage in _STAGES
    )
    query = sql.SQL(_SUMS).format(sums=sums, folder=sql.Literal(f"{folder}/"))
    with Warehouse.from_settings(settings).connect() as connection:
        row = connection.cursor(row_factory=dict_row).execute(query).fetchone()
    return row or {}


def _print_stages(settings: Settings, run: Run, number: int) -> dict[str, float]:
    """Prints each stage's share of the images' time; waiting for a free worker is left out."""
    seconds = stage_seconds(settings, f"asset-{number}")
    whole = sum(seconds.values())
    told = "  ".join(f"{stage} {taken / whole:.0%}" for stage, taken in seconds.items())
    console.print(f"share of each stage: {told}")
    _print_run(run)
    return {f"share_of_{stage}": taken / whole for stage, taken in seconds.items()} | {
        f"{name}_cpu_ms_per_image": 1000 * taken / run.processed
        for name, taken in run.servers_cpu_seconds.items()
    }


def _print_run(run: Run) -> None:
    spent = {
        "workers": run.workers_cpu_seconds,
        "run": run.run_cpu_seconds,
        **run.servers_cpu_seconds,
    }
    told = ", ".join(f"{name} {1000 * taken / run.processed:.1f}" for name, taken in spent.items())
    console.print(
        f"{run.processed} images in {run.seconds:.1f} s; CPU milliseconds per image: {told}; at "
        f"most {run.run_peak_bytes / _MIB:.0f} MiB in the run, {run.worker_peak_bytes / _MIB:.0f} "
        "MiB in a worker"
    )


def _print_limit(what: str, ratio: float, limit: float) -> None:
    colour = "green" if ratio <= limit else "red"
    console.print(f"{what}: [bold {colour}]{ratio:.2f}[/] (target at most {limit:.2f})")
