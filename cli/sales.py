"""`make seed`: fill the sales tables with as many invented sales as a scale says."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
import psycopg
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from assets.errors import StackError
from infra.console import console, say
from infra.demo.sales.seed import (
    SCALES,
    Scale,
    rows_per_table,
    seed,
)
from infra.local.server import Health
from infra.local.stack import Stack

_CHOICES = [name for name in SCALES if name != "demo"]


def chosen(_context: click.Context, _parameter: click.Parameter, name: str) -> Scale:
    """Returns the scale of a name.

    Raises:
        click.ClickException: There is no such scale.
    """
    if name not in _CHOICES:
        raise click.ClickException(f"There is no scale “{name}”; choose {_listed(_CHOICES)}.")
    return SCALES[name]


def fill(stack: Stack, scale: Scale) -> None:
    """Starts what is missing, seeds as the administration role, and prints what there is then.

    Raises:
        StackError: A server cannot be started.
        psycopg.Error: The database stopped the load; nothing of it is kept.
    """
    stack.start()
    with psycopg.connect(stack.environment()["DATABASE_ADMIN_URL"], autocommit=True) as admin:
        started = time.monotonic()
        with _progress(scale) as advance:
            seed(admin, scale, advance)
        seconds = time.monotonic() - started
        table = Table("table", "rows")
        table.columns[1].justify = "right"
        for name, rows in rows_per_table(admin).items():
            table.add_row(name, f"{rows:,}")
    console.print(table)
    console.print(f"[bold green]✓[/] {scale.transactions:,} transactions added in {seconds:.0f} s.")


@contextmanager
def _progress(scale: Scale) -> Iterator[Callable[[int], None]]:
    """Shows a bar; yields what moves it."""
    columns = (TextColumn("  {task.description:<24}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        task = progress.add_task("members and items", total=scale.transactions)

        def advance(count: int) -> None:
            progress.update(task, advance=count, description="transactions")
            if progress.tasks[task].finished:
                progress.update(task, description="indexes and foreign keys")

        yield advance
        progress.update(task, description="transactions")


def _listed(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


def _run(scale: Scale) -> bool:
    """Leaves the servers as they were, running or not; tells whether the platform runs."""
    stack = Stack.of_project(say)
    is_running = stack.dagster.health() is Health.RUNNING
    try:
        fill(stack, scale)
    finally:
        if not is_running:
            stack.stop()
    return is_running


def _overview() -> str:
    """Returns the scales as lines of the help text."""
    lines = [
        f"{name:<6} {scale.members:>9,} members {scale.items:>6,} items "
        f"{scale.transactions:>9,} transactions"
        for name, scale in SCALES.items()
        if name in _CHOICES
    ]
    return "\n".join(["\b", *lines])


@click.command(epilog=_overview())
@click.option(
    "--scale",
    default="small",
    show_default=True,
    metavar="|".join(_CHOICES),
    callback=chosen,
    help="How many sales to add.",
)
def main(scale: Scale) -> None:
    """Add invented sales to the platform's sales tables.

    Members and items are made once, transactions are added by every call: all of them, or none if
    it is interrupted. Meanwhile nobody else can read or write the sales tables. The load is not
    recorded row by row in the audit log. The large scale takes some minutes and 4 GB.
    """
    console.print("[bold]Darkroom seed[/]")
    try:
        is_running = _run(scale)
    except StackError as error:
        console.print(f"[bold red]✗[/] {error}")
        sys.exit(1)
    except psycopg.Error as error:
        reason = str(error).partition("\n")[0]
        console.print(f"[bold red]✗[/] The database refused, and nothing was added: {reason}")
        sys.exit(1)
    then = "the running platform begins it by itself" if is_running else "`make up` begins it"
    console.print(f"The views follow at the next build: {then}.")


if __name__ == "__main__":
    main(prog_name="make seed")
