"""How fast the views of images answer, beside plain SQL over the ledger.

Two warehouses of invented images: a small one, in which plain SQL is bearable and every row of the
views is compared with it, and a large one, in which only the views are asked. In both some
differences wait to be added to the totals, as while images are processed.
"""

import shutil
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql

from assets.resources.warehouse import Connection, read_value
from assets.timing import utc_now
from benchmarks.analyst import as_analyst
from benchmarks.rounds import key, table_of
from infra.console import console
from infra.local import dbt
from infra.local.stack import Stack
from infra.local.warehouses import copy_of_warehouse
from infra.report import Bound, Direction, MeasurementError, Report

QUESTION_LIMIT_MS = 50.0

_HERE = Path(__file__).parent
_BYTES_PER_IMAGE = 1_800
"""Rows, renditions and indexes, with room for sorting."""

_TIMES = 20
_FINISHED = 2_000
_GROUP = 100
_DAYS: dict[str, LiteralString] = {
    "today": "select * from {days} where arrived_on = %(today)s",
    "last 7 days": "select arrived_on, sum(landed_images) from {days} group by arrived_on",
    "by source": "select source, sum(landed_images), sum(bytes_in) from {days} group by source",
    "by reason": (
        "select reason_code, sum(rejected_images) from {rejections} group by reason_code"
    ),
    "by format": "select format, sum(images), sum(bytes_out) from {formats} group by format",
    "latency of 24 hours": (
        "select source, arrived_hour, median_finished_seconds, p95_finished_seconds, "
        "p95_decode_seconds from {hours} where arrived_hour >= now() - interval '24 hours'"
    ),
    "latency of 7 days": "select * from {hours}",
}
_VIEWS = {
    "days": sql.Identifier("analytics", "view_image_daily_summary"),
    "rejections": sql.Identifier("analytics", "view_image_rejections"),
    "formats": sql.Identifier("analytics", "view_image_formats"),
    "hours": sql.Identifier("analytics", "view_image_processing_latency"),
}
_PLAIN = {
    "days": sql.Identifier("plain_image", "daily_summary"),
    "rejections": sql.Identifier("plain_image", "rejections"),
    "formats": sql.Identifier("plain_image", "formats"),
    "hours": sql.Identifier("plain_image", "processing_latency"),
}
_FINISH = """
    update image_catalog.image
    set state = 'processed', finished_at = now(), format = 'JPEG', mode = 'RGB', width_px = 4000,
        height_px = 3000, recipe = 'standard v2', renditions_bytes = 0,
        fetch_seconds = random(), wait_seconds = random(), decode_seconds = random(),
        render_seconds = random(), encode_seconds = random(), describe_seconds = random(),
        store_seconds = random()
    where (image_id, arrived_at) in (
        select image_id, arrived_at from image_catalog.image where state = 'waiting' limit %s
    )
"""
# How fast this machine is today: what an idle one of two cores takes 55 ms for.
_REFERENCE = "select count(*) from generate_series(1, 1000000)"


@dataclass(frozen=True)
class Answers:
    """Milliseconds of the questions, medians of twenty; None of plain SQL where it is too slow.

    Attributes:
        differences: Rows in which the views differ from plain SQL, where they were compared.
        waiting: Differences that were not added to the totals yet.
        recount_seconds: Counting all totals again from the ledger.
    """

    images: int
    views: Mapping[str, float]
    plain: Mapping[str, float]
    differences: int
    waiting: int
    recount_seconds: float
    reference_ms: float


def measure_image_views(stack: Stack, images: int, *, is_plain_asked: bool) -> Answers:
    """Invents images in a warehouse of their own, builds the views and asks the questions."""
    require_disk_space(images)
    database = f"images_{images}"
    with (
        copy_of_warehouse(stack, database) as env,
        psycopg.connect(stack.superuser_conninfo(database), autocommit=True) as admin,
        tempfile.TemporaryDirectory() as outputs,
    ):
        with console.status(f"{images:,} images"):
            recount_seconds = _fill(admin, images)
        models = ("--select", "staging.image_catalog", "marts.images")
        dbt.run_dbt(env, "run", *models, outputs=Path(outputs))
        for _ in range(_FINISHED // _GROUP):
            admin.execute(_FINISH, [_GROUP])
        waiting = read_value(admin, "select count(*) from change_queue.timing_difference")
        plain, differences = {}, 0
        with as_analyst(env) as analyst:
            if is_plain_asked:
                admin.execute((_HERE / "plain_image_views.sql").read_text())
                admin.execute('grant usage on schema plain_image to "TEAM_ANALYTICS"')
                admin.execute(
                    'grant select on all tables in schema plain_image to "TEAM_ANALYTICS"'
                )
                plain = _ask(analyst, _PLAIN, 3)
                found = admin.execute((_HERE / "plain_image_differences.sql").read_text())
                differences = sum(found.fetchone() or ())
            reference_ms = _milliseconds(analyst, _REFERENCE, _TIMES)
            views = _ask(analyst, _VIEWS, _TIMES)
    return Answers(images, views, plain, differences, int(waiting), recount_seconds, reference_ms)


def require_disk_space(images: int) -> None:
    """States how much disk the images take. Raises `MeasurementError` when there is less."""
    needed, free = images * _BYTES_PER_IMAGE, shutil.disk_usage(tempfile.gettempdir()).free
    console.print(
        f"{images:,} images and {2 * images:,} renditions take up to {needed / 1e9:.1f} GB; "
        f"{free / 1e9:.0f} GB are free."
    )
    if free < 1.2 * needed:
        raise MeasurementError(f"{images:,} images do not fit on this disk: ask for fewer.")


def _fill(admin: Connection, images: int) -> float:
    """Invents the images and returns how many seconds counting them took."""
    now = utc_now() - timedelta(seconds=1)
    admin.execute("set maintenance_work_mem = '1GB'; set synchronous_commit = off")
    admin.execute("select set_config('darkroom.images', %s, false)", [str(images)])
    admin.execute("select set_config('darkroom.until', %s, false)", [now.isoformat()])
    admin.execute((_HERE / "image_rows.sql").read_text())
    admin.execute("vacuum (analyze) image_catalog.image")
    started = time.perf_counter()
    admin.execute("select image_catalog.recount_images()")
    seconds = time.perf_counter() - started
    admin.execute("select image_catalog.add_differences()")
    admin.execute(
        "vacuum (analyze) image_catalog.image_total, image_catalog.image_timing, "
        "change_queue.image_difference, change_queue.timing_difference"
    )
    admin.execute("checkpoint")
    return seconds


def _ask(
    analyst: Connection, relations: Mapping[str, sql.Identifier], times: int
) -> dict[str, float]:
    return {
        name: _milliseconds(analyst, sql.SQL(question).format(**relations), times)
        for name, question in _DAYS.items()
    }


def _milliseconds(analyst: Connection, question: LiteralString | sql.Composed, times: int) -> float:
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        analyst.execute(question, {"today": utc_now().date()}).fetchall()
        seconds.append(time.perf_counter() - started)
    return 1000 * statistics.median(seconds)


def report_image_views(report: Report, measured: Sequence[Answers]) -> None:
    """Reports the answers at each size, and that the views show what is true."""
    for answers in measured:
        title = f"{answers.images:,} images, {answers.waiting:,} differences waiting"
        table = table_of(title, "question", "view, ms", "plain SQL, ms", "plain / view")
        for name, ours in answers.views.items():
            plain = answers.plain.get(name)
            ratio = [f"{plain:,.0f}", f"{plain / ours:,.0f}"] if plain else ["", ""]
            table.add_row(name, f"{ours:.1f}", *ratio)
        console.print(table)
        console.print(
            f"counting everything again: {answers.recount_seconds:.1f} s; "
            f"reference loop: {answers.reference_ms:.0f} ms"
        )
        size = f"{answers.images}_images"
        report.add(
            {
                **{f"{key(name)}_view_ms_{size}": ms for name, ms in answers.views.items()},
                **{f"{key(name)}_plain_ms_{size}": ms for name, ms in answers.plain.items()},
                f"recount_seconds_{size}": answers.recount_seconds,
                f"reference_ms_{size}": answers.reference_ms,
                f"differences_waiting_{size}": answers.waiting,
            }
        )
        for name, ours in answers.views.items():
            what = f"{name}, {answers.images:,} images"
            report.check(Bound(what, ours, Direction.UNDER, QUESTION_LIMIT_MS, "ms"))
    differences = sum(answers.differences for answers in measured)
    name = "differences between the views of images and plain SQL"
    report.check(Bound(name, differences, Direction.AT_MOST, 0, "rows"))
