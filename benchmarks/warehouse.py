"""`make bench-warehouse`: what the views answer, and what keeping them up to date costs.

Two warehouses of invented sales, one ten times the other. In each the views are built from nothing.
In the larger one changes of ten thousand transactions, anywhere in the history, are brought into
the views, and an analyst's questions are asked over TCP, of the views and of plain views over the
base tables. At the end the views are compared with the plain ones, row by row.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

import click
import psutil
import psycopg
from psycopg.conninfo import make_conninfo
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from assets.access.people import create_person
from assets.access.policy import load_policy
from benchmarks.memory import peak_memory
from benchmarks.report import write_report
from benchmarks.stack import fresh_stack
from infra.demo.sales.seed import SCALES, Scale, seed
from infra.local import dbt
from infra.local.stack import Stack
from infra.local.warehouses import copy_of_warehouse

PLAIN_VIEWS = Path(__file__).with_name("plain_views.sql")
DIFFERENCES = Path(__file__).with_name("plain_differences.sql")
CHANGES = Path(__file__).with_name("sales_changes.sql")
ANALYST = "bench_analyst"
QUESTIONS = {
    "top 10 members": (
        "select member_id, first_name, last_name, total_spent from {member_sales} "
        "order by total_spent desc limit 10"
    ),
    "one member's row": "select * from {member_sales} where member_id = %(member_id)s",
    "top 3 items": (
        "select item_name, items_sold from {item_sales} order by items_sold desc limit 3"
    ),
}
VIEWS = {
    "member_sales": "analytics.view_member_sales_summary",
    "item_sales": "analytics.view_item_sales_summary",
}
PLAIN = {"member_sales": "plain.member_sales", "item_sales": "plain.item_sales"}
SOME_MEMBER = """
    select member_id from analytics.view_member_sales_summary
    order by total_spent desc offset 1000 limit 1
"""
WARM_UP = """
    select pg_prewarm(pg_class.oid::regclass)
    from pg_class
    inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
    where nspname in ('ASSESSMENT', 'staging') and relkind in ('r', 'i')
    order by relkind desc
"""
SMALLER = {"large": "medium", "medium": "small"}

console = Console(highlight=False)


@dataclass(frozen=True)
class Build:
    """One `dbt build`: seconds as a whole, seconds inside the models, megabytes held at most."""

    seconds: float
    model_seconds: float
    dbt_mb: float
    postgres_mb: float


@dataclass(frozen=True)
class Answer:
    """Median milliseconds of a question, asked of the view and of the plain view."""

    view_ms: float
    plain_ms: float


def fill(admin: psycopg.Connection, scale: Scale) -> None:
    """Makes the sales, with progress."""
    columns = (TextColumn("  {task.description:<12}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        task = progress.add_task("transactions", total=scale.transactions)
        seed(admin, scale, lambda count: progress.advance(task, count))


def build(stack: Stack, env: Mapping[str, str], *options: str) -> Build:
    """Builds the views as a scheduled run does, and measures it."""
    server = stack.servers[0].process()

    def backends() -> Sequence[psutil.Process]:
        return server.children() if server else []

    def own_dbt() -> Sequence[psutil.Process]:
        return [child for child in psutil.Process().children() if "dbt" in child.name()]

    started = time.perf_counter()
    with peak_memory(backends) as postgres, peak_memory(own_dbt) as own:
        result = dbt.build(env, "--exclude", "tag:full_scan", *options)
    return Build(
        seconds=time.perf_counter() - started,
        model_seconds=sum(result.seconds.values()),
        dbt_mb=own.bytes / 1e6,
        postgres_mb=postgres.bytes / 1e6,
    )


def ask(analyst: psycopg.Connection, question: str, times: int) -> float:
    """Returns the median milliseconds of a question, asked again and again."""
    row = analyst.execute(SOME_MEMBER).fetchone()
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        analyst.execute(question, {"member_id": row[0] if row else None}).fetchall()
        seconds.append(time.perf_counter() - started)
    return 1000 * statistics.median(seconds)


def answers(analyst: psycopg.Connection, repeats: int) -> dict[str, Answer]:
    """Asks each question of the views and of the plain views."""
    return {
        name: Answer(
            view_ms=ask(analyst, question.format(**VIEWS), 200),
            plain_ms=ask(analyst, question.format(**PLAIN), repeats),
        )
        for name, question in QUESTIONS.items()
    }


def refresh(stack: Stack, env: Mapping[str, str], changes: int) -> Build:
    """Changes some transactions anywhere in the history, and refreshes what the views read."""
    with psycopg.connect(env["DATABASE_ADMIN_URL"]) as admin:
        admin.execute("select set_config('darkroom.changes', %s, false)", [str(changes)])
        admin.execute(CHANGES.read_text())
    return build(stack, env, "--select", "intermediate.sales")


def settle(stack: Stack) -> None:
    """Lets the database write out what the builds made, so that nothing else is measured beside."""
    with psycopg.connect(stack.superuser_conninfo(), autocommit=True) as server:
        server.execute("checkpoint")


def warm_up(stack: Stack, database: str) -> None:
    """Brings the sales into memory, as on a server that has been running for a while."""
    conninfo = make_conninfo(stack.superuser_conninfo(), dbname=database)
    with psycopg.connect(conninfo, autocommit=True) as server:
        server.execute("create extension if not exists pg_prewarm")
        server.execute(WARM_UP)
    settle(stack)


def count_differences(admin: psycopg.Connection) -> int:
    """Counts the rows in which the views differ from the plain ones; none if all is right."""
    return sum(admin.execute(DIFFERENCES.read_text()).fetchone() or ())


@contextmanager
def as_analyst(env: Mapping[str, str]) -> Iterator[psycopg.Connection]:
    """Connects as somebody of TEAM_ANALYTICS, without their time-out: plain views are slow."""
    password = create_person(env["DATABASE_ADMIN_URL"], load_policy(), ANALYST, "TEAM_ANALYTICS")
    conninfo = make_conninfo(
        env["DATABASE_URL"], user=ANALYST, password=password, options="-c statement_timeout=0"
    )
    with psycopg.connect(conninfo, autocommit=True) as analyst:
        yield analyst


def create_plain_views(admin: psycopg.Connection) -> None:
    """Makes the plain views, readable by analysts."""
    admin.execute(PLAIN_VIEWS.read_text())
    admin.execute('grant usage on schema plain to "TEAM_ANALYTICS"')
    admin.execute('grant select on all tables in schema plain to "TEAM_ANALYTICS"')


def measure_smaller(stack: Stack, scale: str) -> Build:
    """Builds the views from nothing over a tenth of the rows."""
    with (
        copy_of_warehouse(stack, f"sales_{scale}") as env,
        psycopg.connect(env["DATABASE_ADMIN_URL"], autocommit=True) as admin,
    ):
        fill(admin, SCALES[scale])
        return build(stack, env)


def print_answers(found: Mapping[str, Answer]) -> None:
    """Prints the questions with both medians and their ratio."""
    table = Table("question", title="An analyst's questions", title_justify="left")
    for column in ("view, ms", "plain view, ms", "plain / view"):
        table.add_column(column, justify="right")
    for name, answer in found.items():
        ratio = answer.plain_ms / answer.view_ms
        table.add_row(name, f"{answer.view_ms:.2f}", f"{answer.plain_ms:,.0f}", f"{ratio:,.0f}")
    console.print(table)


def print_builds(builds: Mapping[str, Build]) -> None:
    """Prints time and memory of the builds."""
    table = Table("build", title="Building the views", title_justify="left")
    for column in ("whole, s", "models, s", "dbt, MB", "PostgreSQL, MB"):
        table.add_column(column, justify="right")
    for name, one in builds.items():
        numbers = (f"{one.seconds:.1f}", f"{one.model_seconds:.1f}")
        table.add_row(name, *numbers, f"{one.dbt_mb:.0f}", f"{one.postgres_mb:.0f}")
    console.print(table)


def median_build(builds: Sequence[Build]) -> Build:
    """Returns the median of each figure."""
    return Build(
        *(statistics.median(getattr(one, part.name) for one in builds) for part in fields(Build))
    )


@click.command()
@click.option("--scale", type=click.Choice(list(SMALLER)), default="large", show_default=True)
@click.option("--changes", default=10_000, show_default=True, help="Transactions per refresh.")
@click.option("--rounds", default=5, show_default=True, help="Refreshes, and slow questions asked.")
def main(scale: str, changes: int, rounds: int) -> None:
    """Measure the sales views over millions of rows (the large scale takes half an hour)."""
    with fresh_stack() as stack:
        console.print(f"[bold]A tenth of the rows[/] ({SMALLER[scale]})")
        smaller = measure_smaller(stack, SMALLER[scale])
        with (
            copy_of_warehouse(stack, f"sales_{scale}") as env,
            psycopg.connect(env["DATABASE_ADMIN_URL"], autocommit=True) as admin,
        ):
            console.print(f"[bold]All the rows[/] ({scale})")
            fill(admin, SCALES[scale])
            create_plain_views(admin)
            built, again = build(stack, env), build(stack, env, "--full-refresh")
            full = median_build([built, again])
            settle(stack)
            first = refresh(stack, env, changes)
            warm_up(stack, env["DBT_DBNAME"])
            refreshes = [refresh(stack, env, changes) for _ in range(rounds)]
            nothing = build(stack, env, "--select", "intermediate.sales")
            with as_analyst(env) as analyst:
                found = answers(analyst, rounds)
            different = count_differences(admin)
    report(smaller, full, first, median_build(refreshes), nothing, found, different)


def report(
    smaller: Build,
    full: Build,
    first: Build,
    refreshed: Build,
    nothing: Build,
    found: Mapping[str, Answer],
    different: int,
) -> None:
    """Prints and writes the figures; fails when the views show anything but the truth."""
    print_answers(found)
    print_builds(
        {
            "from nothing, a tenth": smaller,
            "from nothing": full,
            "refresh from a cold disk": first,
            "refresh": refreshed,
            "refresh without news": nothing,
        }
    )
    share = refreshed.model_seconds / full.model_seconds
    growth = full.model_seconds / smaller.model_seconds
    console.print(
        f"refresh / build from nothing: models [bold]{share:.1%}[/], "
        f"whole {refreshed.seconds / full.seconds:.1%}\n"
        f"ten times the rows: time [bold]{growth:.1f}[/] times, PostgreSQL's memory "
        f"{full.postgres_mb / smaller.postgres_mb:.1f} times"
    )
    figures = {
        "refresh_to_full_models": share,
        "refresh_to_full_whole": refreshed.seconds / full.seconds,
        "full_model_seconds": full.model_seconds,
        "refresh_model_seconds": refreshed.model_seconds,
        "cold_refresh_model_seconds": first.model_seconds,
        "no_news_model_seconds": nothing.model_seconds,
        "growth_of_time_at_ten_times": growth,
        "growth_of_memory_at_ten_times": full.postgres_mb / smaller.postgres_mb,
        "rows_that_differ_from_plain_views": different,
    }
    for name, answer in found.items():
        key = name.replace(" ", "_").replace("'", "")
        figures |= {f"{key}_view_ms": answer.view_ms, f"{key}_plain_ms": answer.plain_ms}
    console.print(f"as JSON: {write_report('warehouse', figures)}")
    if different:
        raise click.ClickException(f"{different} rows of the views differ from the plain views.")


if __name__ == "__main__":
    main(prog_name="make bench-warehouse")
