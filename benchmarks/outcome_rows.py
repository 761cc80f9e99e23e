"""`python -m benchmarks.outcome_rows`: what a batch's metadata costs, beside a raw COPY of it.

`outcomes.write` finishes images that a run has claimed, 1,000 at once with two renditions each. The
raw COPYs put the same rows, column for column, into tables of the same columns, checks, indexes and
partitions; they ask nobody who holds an image, and each row is new. One is in PostgreSQL's default
format, text, the other in the binary one.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import click
import psycopg
from psycopg import sql

from assets.catalog import leases, ledger, outcomes
from assets.catalog.facts import ImageFacts, Seconds
from assets.catalog.outcome_rows import (
    OUTCOME,
    RENDITION,
    Column,
    Row,
    stored_renditions,
    values,
)
from assets.catalog.records import (
    Arrival,
    LeasedImage,
    Processed,
    RenditionRecord,
    StageSeconds,
)
from assets.processing.recipe import Recipe, read_recipe
from assets.resources.warehouse import Connection, Warehouse
from assets.settings import Settings
from assets.timing import utc_now
from benchmarks.report import write_report
from benchmarks.rounds import console, median_ratio, medians, print_ratio, print_rounds, rotated
from benchmarks.stack import fresh_stack

WRITE, RAW_COPY, BINARY_COPY = "outcomes.write", "raw COPY", "raw binary COPY"
TARGET = 0.60

_BATCH_ROWS = 1000
_LEASE = timedelta(minutes=10)
_FORMATS = {RAW_COPY: "text", BINARY_COPY: "binary"}
_SIDES_PX = {"medium": 1024, "thumbnail": 256}

# What an arrival has written already is not written again: here these columns have defaults.
_MAKE_TABLES = """
    create table raw_outcome.{image} (like image_catalog.image including all)
    partition by range (arrived_at);
    alter table raw_outcome.{image}
    alter column source set default 'kafka',
    alter column origin set default '',
    alter column object_key set default '',
    alter column size_bytes set default 0,
    alter column finished_at set default now();
    create table raw_outcome.{image_now} (like raw_outcome.{image} including all);
    alter table raw_outcome.{image} attach partition raw_outcome.{image_now} default;
    create table raw_outcome.{rendition} (like image_catalog.rendition including all)
    partition by range (arrived_at);
    create table raw_outcome.{rendition_now} (like raw_outcome.{rendition} including all);
    alter table raw_outcome.{rendition} attach partition raw_outcome.{rendition_now} default;
"""
_COPY = "copy raw_outcome.{table} ({columns}) from stdin (format {format})"

_Write = Callable[[Sequence[Processed]], object]


def bench_outcomes(
    settings: Settings, admin_conninfo: str, rounds: int, images: int
) -> dict[str, float]:
    """Measures `outcomes.write` beside both COPYs, prints it, and returns the figures."""
    make_raw_tables(admin_conninfo)
    measured = []
    for turn in range(rounds):
        with console.status(f"metadata of {images} images: round {turn + 1} of {rounds}"):
            measured.append(measure_outcomes(settings, admin_conninfo, images, turn))
    print_rounds("Images' metadata per second, two renditions each", measured)
    figures = {f"{_key(variant)}_images_per_second": r for variant, r in medians(measured).items()}
    for copy, target in ((RAW_COPY, TARGET), (BINARY_COPY, None)):
        ratio = median_ratio(measured, WRITE, copy)
        print_ratio(WRITE, copy, ratio, target)
        figures[f"outcomes_to_{_key(copy)}"] = ratio
    return figures


def make_raw_tables(admin_conninfo: str) -> None:
    """Makes the tables that the raw COPYs go into, a pair for each format."""
    with psycopg.connect(admin_conninfo) as admin:
        admin.execute("create schema raw_outcome")
        for kind in _FORMATS.values():
            tables = ("image", "rendition", "image_now", "rendition_now")
            names = {table: sql.Identifier(f"{table}_{kind}") for table in tables}
            admin.execute(sql.SQL(_MAKE_TABLES).format(**names))


def measure_outcomes(
    settings: Settings, admin_conninfo: str, images: int, turn: int
) -> dict[str, float]:
    """Finishes as many new images each variant, batch by batch in turn; each commits every batch.

    Returns:
        Images per second of each variant; making them known and claiming them does not count.
    """
    now, run_id, recipe = utc_now(), f"bench {uuid.uuid4()}", read_recipe("standard")
    seconds = dict.fromkeys((WRITE, RAW_COPY, BINARY_COPY), 0.0)
    with (
        Warehouse.from_settings(settings).connect() as known,
        psycopg.connect(admin_conninfo) as raw,
    ):
        variants: dict[str, _Write] = {
            WRITE: lambda batch: outcomes.write(known, run_id, batch, now),
            RAW_COPY: lambda batch: _copy_raw(raw, batch, RAW_COPY),
            BINARY_COPY: lambda batch: _copy_raw(raw, batch, BINARY_COPY),
        }
        for number in range(images // _BATCH_ROWS):
            batch = _claimed_batch(known, run_id, recipe, now)
            for name in rotated(list(variants), turn + number):
                started = time.perf_counter()
                variants[name](batch)
                (known if name == WRITE else raw).commit()
                seconds[name] += time.perf_counter() - started
    return {name: images / taken for name, taken in seconds.items()}


def _claimed_batch(
    connection: Connection, run_id: str, recipe: Recipe, now: datetime
) -> list[Processed]:
    """Makes a batch of new images known and claims it; returns what came of it."""
    ledger.register(connection, list(_arrivals(now)), now)
    day = now.astimezone(UTC).date()
    lease_request = leases.LeaseRequest(day, run_id, _LEASE, recipe.hash)
    claimed = leases.claim_waiting(connection, lease_request, _BATCH_ROWS)
    connection.commit()
    if len(claimed) != _BATCH_ROWS:
        raise click.ClickException(f"{len(claimed)} of {_BATCH_ROWS} images could be claimed.")
    return [_processed(claim, recipe) for claim in claimed]


def _arrivals(now: datetime) -> Iterator[Arrival]:
    for number in range(_BATCH_ROWS):
        image = uuid.uuid4()
        origin = f"bench/{number % 3}/{image}"
        yield Arrival(
            image, now, "kafka", origin, f"kafka/{origin}", str(uuid.uuid4()), 200_000 + number
        )


def _processed(claim: LeasedImage, recipe: Recipe) -> Processed:
    """Returns an outcome with a value in every column, no two alike where pictures differ."""
    rng = random.Random(claim.image_id.int)  # noqa: S311 - variety matters, not secrets
    facts = ImageFacts(
        format="JPEG",
        mode="RGB",
        width_px=4000,
        height_px=3000,
        sha256=rng.randbytes(32),
        orientation=1,
        camera_make="Camera maker",
        camera_model="Camera model",
        captured_at=datetime(2026, 3, 1, 12, 0),  # noqa: DTZ001 - a camera's clock has no zone
        brightness=rng.random(),
        contrast=rng.random() / 2,
        sharpness=rng.random(),
        dominant_colours=tuple(f"#{rng.getrandbits(24):06x}" for _ in range(5)),
        perceptual_hash=rng.getrandbits(64) - 2**63,
    )
    folder = f"{claim.arrived_at:%Y-%m-%d}/{claim.image_id}/{recipe.hash}"
    renditions = tuple(
        RenditionRecord(name, f"{folder}/{name}.jpg", "JPEG", px, px * 3 // 4, 90 * px)
        for name, px in _SIDES_PX.items()
    )
    work = Seconds(decode=rng.random(), render=rng.random(), encode=rng.random())
    seconds = StageSeconds(fetch=rng.random(), wait=0.0, work=work, store=rng.random())
    return Processed(claim, facts, recipe.record, "benchmark", seconds, renditions)


def _copy_raw(connection: Connection, batch: Sequence[Processed], variant: str) -> None:
    _copy(connection, "image", OUTCOME, batch, variant)
    _copy(connection, "rendition", RENDITION, stored_renditions(batch), variant)


def _copy(
    connection: Connection,
    table: str,
    columns: Sequence[Column[Row]],
    rows: Iterable[Row],
    variant: str,
) -> None:
    names = {
        "table": sql.Identifier(f"{table}_{_FORMATS[variant]}"),
        "columns": sql.SQL(", ").join(column.identifier for column in columns),
        "format": sql.SQL(_FORMATS[variant]),
    }
    with connection.cursor().copy(sql.SQL(_COPY).format(**names)) as copy:
        copy.set_types([column.type for column in columns])
        for row in rows:
            copy.write_row(values(columns, row))


def _key(variant: str) -> str:
    return variant.lower().replace(" ", "_").replace(".", "_")


@click.command()
@click.option("--rounds", default=3, show_default=True, help="Medians are taken over these.")
@click.option("--images", default=20_000, show_default=True, help="Per round.")
def main(rounds: int, images: int) -> None:
    """Measure how fast a batch's metadata lands."""
    with fresh_stack() as stack:
        admin = stack.environment()["DATABASE_ADMIN_URL"]
        figures = bench_outcomes(stack.settings(), admin, rounds, images)
    console.print(f"as JSON: {write_report('outcomes', {'rounds': rounds, **figures})}")


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.outcome_rows")
