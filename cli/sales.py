"""`darkroom sales`: invented sales in the sales tables, and repair of what is summed up of them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from assets.resources.warehouse import Warehouse
from infra.console import OK, console, counted, print_table, say
from infra.demo.sales.seed import SCALES, Scale, rows_per_table, seed
from infra.local.dbt import repair
from infra.local.stack import Stack
from infra.progress import progress_bar

app = typer.Typer()

_CHOICES = [name for name in SCALES if name != "demo"]


def _overview() -> str:
    return "\n\n".join(
        f"{name}: {counted(scale.members, 'member')}, {counted(scale.items, 'item')}, "
        f"{counted(scale.transactions, 'transaction')}"
        for name, scale in SCALES.items()
        if name in _CHOICES
    )


@app.command("seed", epilog=_overview())
def seed_sales(
    scale: Annotated[
        str,
        typer.Option(
            metavar="|".join(_CHOICES),
            autocompletion=lambda: _CHOICES,
            help="How many sales to add.",
        ),
    ] = "small",
) -> None:
    """Add invented sales to the platform's sales tables.

    Members and items are created once, transactions are added by every call: all of them, or none
    if it is interrupted. Meanwhile nobody else can read or write the sales tables. The load is not
    recorded row by row in the audit log. The large scale takes some minutes and 4 GB.
    """
    if scale not in _CHOICES:
        choices = f"{', '.join(_CHOICES[:-1])} or {_CHOICES[-1]}"
        sentence = f"there is no scale “{scale}”; choose {choices}."
        raise typer.BadParameter(sentence, param_hint="--scale")
    stack = Stack.of_project(say)
    is_running = stack.web_server.is_running
    with stopped_afterwards(stack):
        fill(stack, SCALES[scale])
    then = "the running platform starts it" if is_running else "`darkroom up` starts it"
    console.print(f"The views follow with the next build: {then}.")


@app.command("repair")
def repair_sums() -> None:
    """Recompute the sales book and its sums from the sales tables, and write what differs.

    The daily job check_sales tells when that is needed, for example after rows were loaded past the
    triggers. Analysts can read the views meanwhile. Afterwards the checks are repeated.
    """
    stack = Stack.of_project(say)
    with stopped_afterwards(stack):
        stack.start()
        rows = repair(stack.environment())
    print_table([{"table": name, "rows written": count} for name, count in rows.items()])
    console.print(f"{OK} The sums agree with the sales tables.")


@contextmanager
def stopped_afterwards(stack: Stack) -> Iterator[None]:
    """Stops the servers at the end, unless the platform was running before."""
    is_running = stack.web_server.is_running
    try:
        yield
    finally:
        if not is_running:
            stack.stop()


def fill(stack: Stack, scale: Scale) -> None:
    """Starts what is missing, seeds as the owner of the tables, and prints the tables' sizes.

    Raises:
        StackError: A server cannot be started.
        ServerError: The database went away or refused; then nothing is added.
    """
    stack.start()
    started = time.monotonic()
    with (
        stack.migrator() as conninfo,
        Warehouse(conninfo).connect(autocommit=True) as owner,
    ):
        with progress_bar() as progress:
            task = progress.add_task("members and items", total=scale.transactions)

            def advance(count: int) -> None:
                progress.update(task, advance=count, description="transactions")
                if progress.tasks[task].finished:
                    progress.update(task, description="indexes and keys")

            seed(owner, scale, advance)
            progress.update(task, description="transactions")
        rows = rows_per_table(owner)
    print_table([{"table": name, "rows": count} for name, count in rows.items()])
    seconds = time.monotonic() - started
    console.print(f"{OK} {counted(scale.transactions, 'transaction')} added in {seconds:.0f} s.")
