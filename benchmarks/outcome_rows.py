"""Images' metadata per second: `outcomes.write` beside raw COPYs of the same rows.

`outcomes.write` finishes images that a run has claimed, 1,000 at once with two renditions each. The
raw COPYs put the same rows, column for column, into tables of the same columns, checks, indexes and
partitions; they do not check who has claimed an image.
"""

import random
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from assets.catalog import leases, ledger, outcomes
from assets.catalog.facts import ImageFacts
from assets.catalog.outcome_rows import OUTCOME, RENDITION, stored_renditions
from assets.catalog.records import Arrival, LeasedImage, Processed, RenditionRecord, StageSeconds
from assets.processing.recipe import Recipe, read_recipe
from assets.resources.columns import values
from assets.resources.warehouse import Connection
from assets.timing import utc_now
from benchmarks.raw_copy import BATCH_ROWS, RawTables, Row, measure_writes
from infra.local.stack import Stack
from infra.report import MeasurementError

WRITE = "outcomes.write"

_LEASE = timedelta(minutes=10)
_SIDES_PX = {"medium": 1024, "thumbnail": 256}

# What registration has written before is not written again: here these columns have defaults.
_CREATE_TABLES = """
    create table {image} (like image_catalog.image including all)
    partition by range (arrived_at);
    alter table {image}
    alter column source set default 'kafka',
    alter column origin set default '',
    alter column object_key set default '',
    alter column size_bytes set default 0,
    alter column finished_at set default now();
    create table {image_now} (like {image} including all);
    alter table {image} attach partition {image_now} default;
    create table {rendition} (like image_catalog.rendition including all)
    partition by range (arrived_at);
    create table {rendition_now} (like {rendition} including all);
    alter table {rendition} attach partition {rendition_now} default;
"""


def _rows(batch: Sequence[Processed]) -> Mapping[str, Iterator[Row]]:
    return {
        "image": (values(OUTCOME, outcome) for outcome in batch),
        "rendition": (values(RENDITION, rendition) for rendition in stored_renditions(batch)),
    }


TABLES = RawTables[Processed](
    "raw_outcome",
    _CREATE_TABLES,
    {
        "image": {column.name: column.type for column in OUTCOME},
        "rendition": {column.name: column.type for column in RENDITION},
    },
    _rows,
)


def measure_outcomes(stack: Stack, images: int, turn: int) -> dict[str, float]:
    """Finishes as many new images with each variant; returns images per second of each.

    Registering and claiming them does not count.
    """
    now, run_id, recipe = utc_now(), f"bench {uuid.uuid4()}", read_recipe("standard")
    return measure_writes(
        stack,
        WRITE,
        lambda loader, batch: outcomes.write(loader, run_id, batch, now, None),
        TABLES,
        lambda loader: (
            _claimed_batch(loader, run_id, recipe, now) for _ in range(images // BATCH_ROWS)
        ),
        turn,
    )


def _claimed_batch(
    connection: Connection, run_id: str, recipe: Recipe, now: datetime
) -> list[Processed]:
    ledger.register(connection, list(_arrivals(now)), now, None)
    day = now.astimezone(UTC).date()
    lease_request = leases.LeaseRequest(day, run_id, _LEASE, recipe.hash)
    claimed = leases.claim(connection, lease_request, BATCH_ROWS)
    connection.commit()
    if len(claimed) != BATCH_ROWS:
        raise MeasurementError(f"{len(claimed)} of {BATCH_ROWS} images could be claimed.")
    return [_processed(claim, recipe) for claim in claimed]


def _arrivals(now: datetime) -> Iterator[Arrival]:
    for number in range(BATCH_ROWS):
        image = uuid.uuid4()
        origin = f"bench/{number % 3}/{image}"
        yield Arrival(
            image, now, "kafka", origin, f"kafka/{origin}", str(uuid.uuid4()), 200_000 + number
        )


def _processed(claim: LeasedImage, recipe: Recipe) -> Processed:
    """Returns an outcome with a value in every column, different where pictures differ."""
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
    decode, render, encode = rng.random(), rng.random(), rng.random()
    seconds = StageSeconds(rng.random(), 0.0, decode, render, encode, 0.0, rng.random())
    return Processed(claim, facts, recipe.record, "benchmark", seconds, renditions)
