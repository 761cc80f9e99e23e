"""Ledger rows per second: `ledger.register` beside a raw COPY of the same rows.

A raw COPY goes into a table of the same columns, checks, indexes and partitions, but without the
trigger that counts arrivals.
"""

import uuid
from collections.abc import Iterator
from datetime import datetime
from operator import attrgetter

from assets.catalog import identity, ledger
from assets.catalog.records import Arrival
from assets.timing import utc_now
from benchmarks.raw_copy import BATCH_ROWS, RawTables, measure_writes
from infra.local.stack import Stack

REGISTER = "ledger.register"

_CREATE_TABLE = """
    create table {image} (like image_catalog.image including all)
    partition by range (arrived_at);
    create table {image_now} (like {image} including all);
    alter table {image} attach partition {image_now} default;
"""
_COLUMNS = {
    "image_id": "uuid",
    "arrived_at": "timestamptz",
    "source": "text",
    "origin": "text",
    "object_key": "text",
    "object_version": "text",
    "size_bytes": "int8",
    "declared_content_type": "text",
    "filename": "text",
    "uploader": "text",
    "sha256": "bytea",
    "state": "text",
    "reason_code": "text",
    "quarantine_key": "text",
    "finished_at": "timestamptz",
}
_VALUES = attrgetter(*list(_COLUMNS)[:-4])  # an arrival has no outcome yet

TABLES = RawTables[Arrival](
    "raw_copy",
    _CREATE_TABLE,
    {"image": _COLUMNS},
    lambda batch: {"image": ((*_VALUES(one), "waiting", None, None, None) for one in batch)},
)


def measure_ledger(stack: Stack, rows: int, turn: int) -> dict[str, float]:
    """Writes as many new rows with each variant; returns rows per second of each."""
    now = utc_now()
    arrivals = list(arrivals_of(rows, now))
    return measure_writes(
        stack,
        REGISTER,
        lambda loader, batch: ledger.register(loader, batch, now, None),
        TABLES,
        lambda _: (arrivals[start : start + BATCH_ROWS] for start in range(0, rows, BATCH_ROWS)),
        turn,
    )


def arrivals_of(count: int, now: datetime) -> Iterator[Arrival]:
    """Makes arrivals as the Kafka landing does, of a topic that nobody else writes to."""
    topic = f"bench-{uuid.uuid4().hex[:8]}"
    for number in range(count):
        origin = f"{topic}/{number % 3}/{number}"
        yield Arrival(
            image_id=identity.image_id("kafka", origin),
            arrived_at=now,
            source="kafka",
            origin=origin,
            object_key=f"kafka/{topic}/{now.date()}/{number % 3}-{number}",
            object_version=str(uuid.uuid4()),
            size_bytes=200_000 + number,
            declared_content_type="image/jpeg",
            filename=f"photograph-{number:06d}.jpg",
            uploader="bench",
            sha256=uuid.uuid4().bytes * 2,
        )
