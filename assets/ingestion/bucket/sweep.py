"""Progress of the reconciling listing of the raw bucket.

It is committed in the transaction that registers the listed objects, never before.
"""

from dataclasses import astuple, dataclass
from datetime import datetime, timedelta

from assets.resources.warehouse import Connection, read_rows


@dataclass(frozen=True)
class Sweep:
    """Progress of the listing of a bucket.

    Attributes:
        resume_key: The key to resume after; None at the beginning of the bucket.
        completed_at: When a listing last reached the end of the bucket; None: never.
        listed_at: When the last slice of the listing ended; None: none has.
    """

    resume_key: str | None = None
    resume_version: str | None = None
    completed_at: datetime | None = None
    listed_at: datetime | None = None

    def is_due(self, now: datetime, interval: timedelta) -> bool:
        """Returns whether a slice is due: none has ended yet, or the last one an interval ago."""
        return self.listed_at is None or now - self.listed_at >= interval


def read_sweep(connection: Connection, bucket: str) -> Sweep:
    """Returns how far the listing of a bucket has come."""
    found = read_rows(
        connection,
        Sweep,
        """
        select resume_key, resume_version, completed_at, listed_at
        from image_catalog.bucket_sweep
        where bucket = %s
        """,
        [bucket],
    )
    return found[0] if found else Sweep()


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
        [bucket, *astuple(sweep)],
    )
