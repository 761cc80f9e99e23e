"""Ledger rows per second: `ledger.register` beside a raw COPY of the same rows.

A raw COPY goes into a table of the same columns, checks, indexes and partitions, but without the
trigger that counts; it locks nothing, and would fail on a row that is known already. It is measured
in PostgreSQL's default format, text, and in the binary one, which takes less time.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import psycopg
from psycopg import sql

from assets.catalog import identity, ledger
from assets.catalog.records import Arrival
from assets.resources.warehouse import Connection, Warehouse
from assets.settings import Settings
from assets.timing import utc_now
from benchmarks.rounds import rotated

REGISTER, RAW_COPY, BINARY_COPY = "ledger.register", "raw COPY", "raw binary COPY"

_BATCH_ROWS = 1000

_MAKE_TABLE = """
    create table raw_copy.{table} (like image_catalog.image including all)
    partition by range (arrived_at);
    create table raw_copy.{partition} (like raw_copy.{table} including all);
    alter table raw_copy.{table} attach partition raw_copy.{partition} default;
"""
_COPY = """
    copy raw_copy.{table} (
        image_id, arrived_at, source, origin, object_key, object_version, size_bytes,
        declared_content_type, filename, uploader, sha256, state, reason_code, quarantine_key,
        finished_at
    )
    from stdin (format {format})
"""
_TYPES = (
    *("uuid", "timestamptz", "text", "text", "text", "text", "int8"),
    *("text", "text", "text", "bytea", "text", "text", "text", "timestamptz"),
)
_FORMATS = {RAW_COPY: "text", BINARY_COPY: "binary"}

_Write = Callable[[Sequence[Arrival]], object]


def make_raw_tables(admin_conninfo: str) -> None:
    """Makes the tables that the raw COPYs go into, one for each format."""
    with psycopg.connect(admin_conninfo) as admin:
        admin.execute("create schema raw_copy")
        for table in _FORMATS.values():
            names = {"table": table, "partition": f"{table}_now"}
            identifiers = {key: sql.Identifier(name) for key, name in names.items()}
            admin.execute(sql.SQL(_MAKE_TABLE).format(**identifiers))


def measure_ledger(
    settings: Settings, admin_conninfo: str, rows: int, turn: int
) -> dict[str, float]:
    """Writes as many new rows each variant, batch by batch in turn; each commits every batch.

    Returns:
        Rows per second of each variant.
    """
    now = utc_now()
    arrivals = list(arrivals_of(rows, now))
    with (
        Warehouse.from_settings(settings).connect() as known,
        psycopg.connect(admin_conninfo) as raw,
    ):
        variants: dict[str, _Write] = {
            REGISTER: _committed(known, lambda batch: ledger.register(known, batch, now)),
            RAW_COPY: _committed(raw, lambda batch: _copy(raw, batch, RAW_COPY)),
            BINARY_COPY: _committed(raw, lambda batch: _copy(raw, batch, BINARY_COPY)),
        }
        seconds = dict.fromkeys(variants, 0.0)
        for number, start in enumerate(range(0, rows, _BATCH_ROWS)):
            for name in rotated(list(variants), turn + number):
                seconds[name] += _seconds(variants[name], arrivals[start : start + _BATCH_ROWS])
    return {name: rows / taken for name, taken in seconds.items()}


def _committed(connection: Connection, write: _Write) -> _Write:
    def write_and_commit(batch: Sequence[Arrival]) -> None:
        write(batch)
        connection.commit()

    return write_and_commit


def _seconds(write: _Write, batch: Sequence[Arrival]) -> float:
    started = time.perf_counter()
    write(batch)
    return time.perf_counter() - started


def _copy(connection: Connection, arrivals: Sequence[Arrival], variant: str) -> None:
    names = {"table": sql.Identifier(_FORMATS[variant]), "format": sql.SQL(_FORMATS[variant])}
    with connection.cursor().copy(sql.SQL(_COPY).format(**names)) as copy:
        copy.set_types(_TYPES)
        for arrival in arrivals:
            copy.write_row(_row(arrival))


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


def _row(arrival: Arrival) -> tuple[object, ...]:
    return (
        arrival.image_id,
        arrival.arrived_at,
        arrival.source,
        arrival.origin,
        arrival.object_key,
        arrival.object_version,
        arrival.size_bytes,
        arrival.declared_content_type,
        arrival.filename,
        arrival.uploader,
        arrival.sha256,
        "waiting",
        None,
        None,
        None,
    )
