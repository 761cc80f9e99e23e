"""`darkroom bench warehouse`: how fast the views answer, and what keeping them up to date costs.

The views of images are measured in `image_views`. Of sales there are two warehouses, invented too,
one ten times the other. In each the views are built from nothing. In the larger one, ten thousand
transactions anywhere in the history are changed and the views are refreshed; then an analyst's
questions are asked over TCP, of the views and of plain views over the base tables. At the end the
views are compared with the plain ones, row by row.
"""

import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, LiteralString

import psutil
import psycopg
from psycopg import sql
from typer import Option

from assets.resources.warehouse import Query, read_value
from benchmarks.analyst import as_analyst
from benchmarks.image_views import measure_image_views, report_image_views
from benchmarks.rounds import ONLY, key, table_of
from benchmarks.sampling import maximum_of, unshared_bytes
from benchmarks.stack import fresh_stack
from infra.console import console
from infra.demo.sales.seed import SCALES, seed
from infra.local import dbt
from infra.local.stack import Stack
from infra.local.warehouses import copy_of_warehouse
from infra.progress import progress_bar
from infra.report import Bound, Direction, Report

Part = StrEnum("Part", ["sales", "images"])

SMALLER = {"large": "medium", "medium": "small"}
"""By scale, the one with a tenth of the rows."""

REFRESH_LIMITS = {"large": 0.05}
"""By scale, the largest share of a full build's time that a refresh may take."""

QUESTION_LIMIT_MS = 5.0

SMALLER_BUILD, FULL_BUILD = "from nothing, a tenth", "from nothing"
COLD_REFRESH, REFRESH = "refresh from a cold disk", "refresh"
NO_CHANGES = "refresh without changes"

_HERE = Path(__file__).parent
_QUESTIONS: dict[str, LiteralString] = {
    "top 10 members": (
        "select member_id, first_name, last_name, total_spent from {member_sales} "
        "order by total_spent desc limit 10"
    ),
    "one member's row": "select * from {member_sales} where member_id = %(member_id)s",
    "top 3 items": (
        "select item_name, items_sold from {item_sales} order by items_sold desc limit 3"
    ),
}
_VIEWS = {
    "member_sales": sql.Identifier("analytics", "view_member_sales_summary"),
    "item_sales": sql.Identifier("analytics", "view_item_sales_summary"),
}
_PLAIN = {
    "member_sales": sql.Identifier("plain", "member_sales"),
    "item_sales": sql.Identifier("plain", "item_sales"),
}
_SOME_MEMBER = """
    select member_id from analytics.view_member_sales_summary
    order by total_spent desc offset 1000 limit 1
"""
_LOAD_INTO_MEMORY = """
    select pg_prewarm(pg_class.oid::regclass)
    from pg_class
    inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
    where nspname in ('ASSESSMENT', 'staging') and relkind in ('r', 'i')
    order by relkind desc
"""


@dataclass(frozen=True)
class Build:
    """One `dbt build`: seconds as a whole, seconds inside the models, peak megabytes."""

    seconds: float
    model_seconds: float
    dbt_mb: float
    postgres_mb: float


@dataclass(frozen=True)
class Answer:
    """Median milliseconds of a question, asked of the view and of the plain view."""

    view_ms: float
    plain_ms: float


@contextmanager
def _sales(stack: Stack, scale: str) -> Iterator[tuple[Mapping[str, str], psycopg.Connection]]:
    """Invents the sales in a warehouse of its own, with progress; yields the ways to it."""
    database = f"sales_{scale}"
    with (
        copy_of_warehouse(stack, database) as env,
        psycopg.connect(stack.superuser_conninfo(database), autocommit=True) as admin,
    ):
        with progress_bar() as progress:
            task = progress.add_task("transactions", total=SCALES[scale].transactions)
            seed(admin, SCALES[scale], lambda count: progress.advance(task, count))
        yield env, admin


def _build(stack: Stack, env: Mapping[str, str], *options: str) -> Build:
    """Builds the views as a scheduled run does, and measures it."""
    server = stack.servers[0].process()

    def backends() -> int:
        return unshared_bytes(server.children() if server else [])

    def own_dbt() -> int:
        return unshared_bytes(one for one in psutil.Process().children() if "dbt" in one.name())

    started = time.perf_counter()
    with maximum_of(backends) as postgres, maximum_of(own_dbt) as own:
        result = dbt.build(env, "--exclude", "tag:full_scan", *options)
    return Build(
        seconds=time.perf_counter() - started,
        model_seconds=sum(result.seconds.values()),
        dbt_mb=own.value / 1e6,
        postgres_mb=postgres.value / 1e6,
    )


def _ask(analyst: psycopg.Connection, question: Query, times: int) -> float:
    parameters = {"member_id": read_value(analyst, _SOME_MEMBER)}
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        analyst.execute(question, parameters).fetchall()
        seconds.append(time.perf_counter() - started)
    return 1000 * statistics.median(seconds)


def _answers(analyst: psycopg.Connection, repeats: int) -> dict[str, Answer]:
    return {
        name: Answer(
            view_ms=_ask(analyst, sql.SQL(question).format(**_VIEWS), 200),
            plain_ms=_ask(analyst, sql.SQL(question).format(**_PLAIN), repeats),
        )
        for name, question in _QUESTIONS.items()
    }


def _refresh(stack: Stack, env: Mapping[str, str], changes: int) -> Build:
    """Changes some transactions anywhere in the history, and refreshes what the views read."""
    with psycopg.connect(env["DATABASE_OWNER_URL"]) as admin:
        admin.execute("select set_config('darkroom.changes', %s, false)", [str(changes)])
        admin.execute((_HERE / "sales_changes.sql").read_text())
    return _build(stack, env, "--select", "intermediate.sales")


def _settle(stack: Stack) -> None:
    """Lets the database write out what the builds wrote, so that it disturbs nothing."""
    with psycopg.connect(stack.superuser_conninfo(), autocommit=True) as server:
        server.execute("checkpoint")


def _warm_up(stack: Stack, database: str) -> None:
    """Loads the sales into memory, as on a server that has been running for a while."""
    with psycopg.connect(stack.superuser_conninfo(database), autocommit=True) as server:
        server.execute("create extension if not exists pg_prewarm")
        server.execute(_LOAD_INTO_MEMORY)
    _settle(stack)


def _create_plain_views(admin: psycopg.Connection) -> None:
    admin.execute((_HERE / "plain_views.sql").read_text())
    admin.execute('grant usage on schema plain to "TEAM_ANALYTICS"')
    admin.execute('grant select on all tables in schema plain to "TEAM_ANALYTICS"')


def _print_answers(found: Mapping[str, Answer]) -> None:
    headings = ("question", "view, ms", "plain view, ms", "plain / view")
    table = table_of("An analyst's questions", *headings)
    for name, answer in found.items():
        ratio = answer.plain_ms / answer.view_ms
        table.add_row(name, f"{answer.view_ms:.2f}", f"{answer.plain_ms:,.0f}", f"{ratio:,.0f}")
    console.print(table)


def _print_builds(builds: Mapping[str, Build]) -> None:
    headings = ("build", "whole, s", "models, s", "dbt, MB", "PostgreSQL, MB")
    table = table_of("Building the views", *headings)
    for name, one in builds.items():
        numbers = (f"{one.seconds:.1f}", f"{one.model_seconds:.1f}")
        table.add_row(name, *numbers, f"{one.dbt_mb:.0f}", f"{one.postgres_mb:.0f}")
    console.print(table)


def _median(builds: Sequence[Build]) -> Build:
    return Build(
        *(statistics.median(getattr(one, part.name) for one in builds) for part in fields(Build))
    )


def run(
    scale: Annotated[Literal["large", "medium"], Option(help="Medium is a tenth.")] = "large",
    changes: Annotated[int, Option(help="Transactions per refresh.")] = 10_000,
    rounds: Annotated[int, Option(help="Refreshes, and slow questions asked.")] = 5,
    images: Annotated[int, Option(help="With two renditions each.")] = 10_000_000,
    compared: Annotated[int, Option(help="Images over which plain SQL is asked too.")] = 200_000,
    only: Annotated[list[Part] | None, ONLY] = None,
) -> None:
    """Measure the views over millions of rows (each part takes half an hour)."""
    report = Report("warehouse")
    parts = only or list(Part)
    with fresh_stack() as stack:
        if "sales" in parts:
            report_warehouse(report, scale, *_measure(stack, scale, changes, rounds))
        if "images" in parts:
            report_image_views(
                report,
                [
                    measure_image_views(stack, compared, is_plain_asked=True),
                    measure_image_views(stack, images, is_plain_asked=False),
                ],
            )
    report.finish()


def _measure(
    stack: Stack, scale: str, changes: int, rounds: int
) -> tuple[dict[str, Build], dict[str, Answer], int]:
    """Returns builds by name, answers by question, and in how many rows the views differ."""
    builds = {}
    console.print(f"[bold]A tenth of the rows[/] ({SMALLER[scale]})")
    with _sales(stack, SMALLER[scale]) as (env, _):
        builds[SMALLER_BUILD] = _build(stack, env)
    console.print(f"[bold]All the rows[/] ({scale})")
    with _sales(stack, scale) as (env, admin):
        _create_plain_views(admin)
        builds[FULL_BUILD] = _median([_build(stack, env), _build(stack, env, "--full-refresh")])
        _settle(stack)
        builds[COLD_REFRESH] = _refresh(stack, env, changes)
        _warm_up(stack, env["DBT_DBNAME"])
        builds[REFRESH] = _median([_refresh(stack, env, changes) for _ in range(rounds)])
        builds[NO_CHANGES] = _build(stack, env, "--select", "intermediate.sales")
        with as_analyst(env) as analyst:
            found = _answers(analyst, rounds)
        different = admin.execute((_HERE / "plain_differences.sql").read_text()).fetchone()
    return builds, found, sum(different or ())


def report_warehouse(
    report: Report,
    scale: str,
    builds: Mapping[str, Build],
    answers: Mapping[str, Answer],
    differences: int,
) -> None:
    """Reports answers, builds and refreshes, and that the views show what is true."""
    smaller, full, refreshed = builds[SMALLER_BUILD], builds[FULL_BUILD], builds[REFRESH]
    _print_answers(answers)
    _print_builds(builds)
    share = refreshed.model_seconds / full.model_seconds
    whole = refreshed.seconds / full.seconds
    time_growth = full.model_seconds / smaller.model_seconds
    memory_growth = full.postgres_mb / smaller.postgres_mb
    console.print(
        f"refresh / build from nothing: models [bold]{share:.1%}[/], whole {whole:.1%}\n"
        f"ten times the rows: time [bold]{time_growth:.1f}[/] times, PostgreSQL's memory "
        f"{memory_growth:.1f} times"
    )
    report.add(
        {
            "refresh_to_full_models": share,
            "refresh_to_full_whole": whole,
            "full_model_seconds": full.model_seconds,
            "refresh_model_seconds": refreshed.model_seconds,
            "cold_refresh_model_seconds": builds[COLD_REFRESH].model_seconds,
            "no_news_model_seconds": builds[NO_CHANGES].model_seconds,
            "growth_of_time_at_ten_times": time_growth,
            "growth_of_memory_at_ten_times": memory_growth,
            "rows_that_differ_from_plain_views": differences,
        }
    )
    if limit := REFRESH_LIMITS.get(scale):
        report.check(Bound("refresh / full build", share, Direction.AT_MOST, limit, "%"))
    for name, answer in answers.items():
        question = key(name).replace("'", "")
        report.add({f"{question}_view_ms": answer.view_ms, f"{question}_plain_ms": answer.plain_ms})
        report.check(Bound(name, answer.view_ms, Direction.UNDER, QUESTION_LIMIT_MS, "ms"))
    name = "differences between the views and the plain views"
    report.check(Bound(name, differences, Direction.AT_MOST, 0, "rows"))
