"""The listing of the raw bucket, in slices of bounded cost: recent hours, then a part of the sweep.

A slice lists the hourly folders of the last hours, where new objects are found soon however large
the bucket is, and continues the sweep of the whole bucket where the last slice stopped. Objects
that are put before that position meanwhile are found by the next sweep.
"""

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from datetime import UTC, datetime, timedelta

from assets.ingestion.registry import hourly_folders
from assets.platform import Platform
from assets.resources.objects import ListingPage, ObjectVersion
from assets.resources.warehouse import Connection, read_rows
from assets.timing import utc_now

RECENT_HOURS = 3
"""The current hour and those before it."""


@dataclass(frozen=True)
class Sweep:
    """Progress of the listing of a bucket; committed with the objects that it lists.

    It resumes after the key and version, at the beginning if there is none. `completed_at` is when
    a listing last reached the end of the bucket, `listed_at` when the last slice ended.
    """

    resume_key: str | None = None
    resume_version: str | None = None
    completed_at: datetime | None = None
    listed_at: datetime | None = None

    def is_due(self, now: datetime, interval: timedelta) -> bool:
        """Returns whether a slice is due: none has ended yet, or the last one an interval ago."""
        return self.listed_at is None or now - self.listed_at >= interval


@dataclass(frozen=True)
class ListedPage:
    """A page of versions, and the sweep's position once they are registered, if it changes."""

    versions: tuple[ObjectVersion, ...]
    sweep: Sweep | None


def pages_of_slice(platform: Platform, sweep: Sweep, now: datetime) -> Iterator[ListedPage]:
    """Lists one slice: the folders of the last hours until now, then a part of the sweep.

    Each of the two has at most `sweep_pages` pages, or one page per folder. The last page marks the
    slice as ended; a slice that is interrupted before is due again at once.
    """
    settings = platform.settings
    configured = settings.hourly_folders
    folders = recent_folders(hourly_folders() if configured is None else configured, now)
    for folder in folders:
        yield from _recent_pages(platform, folder, max(1, settings.sweep_pages // len(folders)))
    yield from _sweep_pages(platform, sweep)


def recent_folders(prefixes: Sequence[str], now: datetime) -> list[str]:
    """Returns the folders of the last hours below each prefix, newest first."""
    hours = [now.astimezone(UTC) - timedelta(hours=back) for back in range(RECENT_HOURS)]
    return [f"{prefix}/{hour:%Y-%m-%d/%H}/" for hour in hours for prefix in prefixes]


def next_position(page: ListingPage) -> tuple[str | None, str | None]:
    """Returns the key and version after which the listing resumes; no key at the end.

    A key whose versions the page may have cut is listed again as a whole. So no version needs to
    exist any more when the listing resumes, unless one key has more versions than a page.
    """
    if page.next_key is None:
        return None, None
    keys = {found.key for found in (*page.versions, *page.delete_markers)} - {page.next_key}
    return (max(keys), None) if keys else (page.next_key, page.next_version)


def _recent_pages(platform: Platform, folder: str, max_pages: int) -> Iterator[ListedPage]:
    bucket = platform.settings.raw_bucket
    key, version = None, None
    for _ in range(max_pages):
        page = platform.object_store.page_of_versions(bucket, key, version, prefix=folder)
        yield ListedPage(page.versions, None)
        key, version = next_position(page)
        if key is None:
            return


def _sweep_pages(platform: Platform, sweep: Sweep) -> Iterator[ListedPage]:
    settings = platform.settings
    for left in reversed(range(settings.sweep_pages)):
        page = platform.object_store.page_of_versions(
            settings.raw_bucket, sweep.resume_key, sweep.resume_version
        )
        key, version = next_position(page)
        now = utc_now()
        sweep = Sweep(
            resume_key=key,
            resume_version=version,
            completed_at=now if key is None else sweep.completed_at,
            listed_at=now if key is None or not left else sweep.listed_at,
        )
        yield ListedPage(page.versions, sweep)
        if key is None:
            return


def read_sweep(connection: Connection, bucket: str) -> Sweep:
    """Returns how far the listing of a bucket has come."""
    query = """
        select resume_key, resume_version, completed_at, listed_at
        from image_catalog.bucket_sweep
        where bucket = %s
    """
    return next(iter(read_rows(connection, Sweep, query, [bucket])), Sweep())


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
