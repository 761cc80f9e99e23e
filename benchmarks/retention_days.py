"""A day's partition dropped, beside a DELETE of as many rows: seconds, log, and locks.

Both days are filled alike, with two renditions per image. While each is deleted, a writer registers
images of today, a few at a time: its longest wait is what a lock costs.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day

import psycopg
from psycopg import sql

from assets.catalog import ledger
from assets.resources.warehouse import Connection, Warehouse, read_value
from assets.retention import ledger_rows
from assets.retention.receipts import Copy, Tally
from assets.timing import utc_now
from benchmarks.ledger_rows import arrivals_of
from benchmarks.rounds import measure_variants
from benchmarks.sampling import maximum_of
from infra.local.stack import Stack
from infra.local.warehouses import owner_conninfo
from infra.report import MeasurementError

DROP, DELETE = "drop of the partition", "DELETE"

_RENDITIONS = 2
_FIRST_DAY = 30
_ARRIVALS = 10
_PAUSE_SECONDS = 0.005
_SAMPLE_SECONDS = 0.001

_FILL_IMAGES = """
    insert into image_catalog.image (
        image_id, arrived_at, source, origin, object_key, object_version, size_bytes, uploader,
        state, finished_at, format, mode, width_px, height_px, sha256, perceptual_hash,
        recipe_hash
    )
    select
        gen_random_uuid(), %(begin)s::timestamptz + number * interval '1 day' / (%(images)s + 1),
        'upload', 'upload/' || number, 'upload/' || number, gen_random_uuid()::text, 200000,
        'bench', 'processed', %(begin)s, 'JPEG', 'RGB', 4000, 3000,
        uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()),
        (random() * 9e18)::bigint, 'benchmark'
    from generate_series(1, %(images)s) as number
"""
_FILL_RENDITIONS = """
    insert into image_catalog.rendition (
        image_id, arrived_at, rendition_name, object_key, recipe_hash, format, width_px, height_px,
        size_bytes
    )
    select
        image_id, arrived_at, name, image_id || '/' || name, 'benchmark', 'JPEG', 256, 192, 20000
    from image_catalog.image
    cross join unnest(array['medium', 'thumbnail']) as name
    where arrived_at >= %(begin)s and arrived_at < %(end)s
"""
_DELETE = "delete from image_catalog.{table} where arrived_at >= %(begin)s and arrived_at < %(end)s"
_IS_LOCKED = """
    select exists (
        select from pg_locks
        where relation = 'image_catalog.image'::regclass
            and mode = 'AccessExclusiveLock' and granted
    )
"""
# What other connections write in the meantime does not count.
_OWN_WAL_BYTES = "select wal_bytes from pg_stat_get_backend_wal(pg_backend_pid())"


@dataclass(frozen=True)
class Cost:
    """What it takes to delete a day.

    Attributes:
        seconds: Until it is committed.
        longest_wait_seconds: The longest that one transaction of the writer took meanwhile.
        locked_seconds: How long readers and writers were locked out.
    """

    seconds: float
    log_bytes: float
    longest_wait_seconds: float
    locked_seconds: float


def measure_days(stack: Stack, images: int, turn: int) -> dict[str, Cost]:
    """Fills a day for each variant and measures its deletion; filling does not count."""
    first = utc_now().date() - timedelta(days=_FIRST_DAY + 2 * turn)
    second = first - timedelta(days=1)
    warehouse = Warehouse.from_settings(stack.settings())
    with psycopg.connect(owner_conninfo(stack), autocommit=True) as admin:
        for day in (first, second):
            _fill(admin, day, images)
        variants = {
            DROP: lambda: _measure(warehouse, admin, lambda loader: _drop(loader, first, images)),
            DELETE: lambda: _measure(warehouse, admin, lambda loader: _delete(loader, second)),
        }
        measured = measure_variants(variants, turn)
        with warehouse.connect() as connection:
            ledger_rows.drop_day(connection, second, Tally())
    return measured


def _fill(admin: Connection, day: date, images: int) -> None:
    admin.execute("select image_catalog.ensure_day(%s)", [day])
    admin.execute(_FILL_IMAGES, {**_bounds(day), "images": images})
    admin.execute(_FILL_RENDITIONS, _bounds(day))
    admin.execute("vacuum (analyze) image_catalog.image, image_catalog.rendition")


def _drop(connection: Connection, day: date, images: int) -> None:
    seen, begin = Tally(), _bounds(day)["begin"]
    seen.add(Copy.LEDGER_ROW, begin, items=images)
    seen.add(Copy.RENDITION_ROW, begin, items=_RENDITIONS * images)
    if not ledger_rows.drop_day(connection, day, seen):
        raise MeasurementError(f"The partitions of {day} could not be dropped.")


def _delete(connection: Connection, day: date) -> None:
    for table in ("rendition", "image"):
        connection.execute(sql.SQL(_DELETE).format(table=sql.Identifier(table)), _bounds(day))


def _measure(
    warehouse: Warehouse, admin: Connection, delete_day: Callable[[Connection], None]
) -> Cost:
    with warehouse.connect() as connection, warehouse.connect() as writer:
        ledger_rows.advance_horizon(connection, utc_now() - timedelta(days=_FIRST_DAY - 1))
        before = _own_wal_bytes(connection)
        with (
            maximum_of(lambda: _write(writer), _PAUSE_SECONDS) as wait,
            maximum_of(_lock_monitor(admin), _SAMPLE_SECONDS) as locked,
        ):
            time.sleep(0.5)  # the first write takes longer
            began = time.perf_counter()
            delete_day(connection)
            connection.commit()
            seconds = time.perf_counter() - began
        wal_bytes = _own_wal_bytes(connection) - before
    return Cost(seconds, wal_bytes, wait.value, locked.value)


def _own_wal_bytes(connection: Connection) -> int:
    connection.execute("select pg_stat_force_next_flush()")
    connection.commit()
    written = int(read_value(connection, _OWN_WAL_BYTES))  # it is a numeric
    connection.commit()
    return written


def _write(connection: Connection) -> float:
    now, began = utc_now(), time.perf_counter()
    ledger.register(connection, list(arrivals_of(_ARRIVALS, now)), now, None)
    connection.commit()
    return time.perf_counter() - began


def _lock_monitor(admin: Connection) -> Callable[[], float]:
    """Returns a function that returns how long the ledger has been locked without interruption."""
    since: float | None = None

    def locked_seconds() -> float:
        nonlocal since
        is_locked, now = read_value(admin, _IS_LOCKED), time.perf_counter()
        since = (since or now) if is_locked else None
        return now - since if since else 0.0

    return locked_seconds


def _bounds(day: date) -> dict[str, datetime]:
    begin = datetime.combine(day, time_of_day(), UTC)
    return {"begin": begin, "end": begin + timedelta(days=1)}
