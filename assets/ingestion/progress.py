"""How far each door has been read: Kafka offsets and the listing of the raw bucket.

Progress is committed in the transaction that makes its images known, never before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from assets.resources.warehouse import Connection


@dataclass(frozen=True)
class Sweep:
    """Progress of the reconciling listing of a bucket.

    Attributes:
        resume_key: The key to go on behind; None at the beginning of the bucket.
        resume_version: The version of that key to go on behind.
        completed_at: When a listing last reached the end of the bucket; None: never.
        listed_at: When the last slice of the listing ended; None: none has.
    """

    resume_key: str | None = None
    resume_version: str | None = None
    completed_at: datetime | None = None
    listed_at: datetime | None = None


def read_offsets(connection: Connection, topic: str) -> dict[int, tuple[int, int]]:
    """Returns per partition of a topic the next offset to land and the last high watermark seen."""
    rows = connection.execute(
        """
        select partition_no, next_offset, high_watermark
        from image_catalog.kafka_offset
        where topic = %s
        """,
        [topic],
    )
    return {row[0]: (row[1], row[2]) for row in rows}  # type: ignore[misc]


def write_offsets(
    connection: Connection, topic: str, positions: Mapping[int, tuple[int, int]]
) -> None:
    """Records progress; belongs to the transaction that registers the messages before it."""
    for partition, (next_offset, high_watermark) in sorted(positions.items()):
        connection.execute(
            """
            insert into image_catalog.kafka_offset (
                topic, partition_no, next_offset, high_watermark
            )
            values (%s, %s, %s, %s)
            on conflict (topic, partition_no) do update
            set
                next_offset = excluded.next_offset,
                high_watermark = excluded.high_watermark,
                updated_at = clock_timestamp()
            """,
            [topic, partition, next_offset, high_watermark],
        )


def hold(connection: Connection, work: str) -> bool:
    """Makes this transaction the only one that does a kind of work; tells whether it could."""
    held = connection.execute(
        "select pg_try_advisory_xact_lock(hashtext('darkroom'), hashtext(%s))", [work]
    ).fetchone()
    return bool(held and held[0])


def read_sweep(connection: Connection, bucket: str) -> Sweep:
    """Returns how far the listing of a bucket has come."""
    row = connection.execute(
        """
        select resume_key, resume_version, completed_at, listed_at
        from image_catalog.bucket_sweep
        where bucket = %s
        """,
        [bucket],
    ).fetchone()
    return Sweep(*row) if row else Sweep()  # type: ignore[arg-type]


def write_sweep(connection: Connection, bucket: str, sweep: Sweep) -> None:
    """Records how far the listing has come; belongs to the transaction that registers its page."""
    connection.execute(
        """
        insert into image_catalog.bucket_sweep (
            bucket, resume_key, resume_version, completed_at, listed_at
        )
        values (%s, %s, %s, %s, %s)
        on conflict (bucket) do update
        set
            resume_key = excluded.resume_key,
            resume_version = excluded.resume_version,
            completed_at = excluded.completed_at,
            listed_at = excluded.listed_at
        """,
        [
            bucket,
            sweep.resume_key,
            sweep.resume_version,
            sweep.completed_at,
            sweep.listed_at,
        ],
    )
