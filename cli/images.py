"""The command behind `make requeue`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import click
from rich.table import Table

from assets.catalog.requeue import (
    Selection,
    count_rejected,
    moment_named,
    reason_named,
    requeue,
)
from assets.errors import DarkroomError
from assets.ingestion.registry import source_named
from assets.resources.warehouse import Warehouse
from assets.settings import Settings
from assets.timing import utc_now
from cli.database import running_database
from infra.console import CommandGroup, console, say
from infra.local.stack import Stack


class ImagesGroup(CommandGroup):
    """Says errors about the choice, and about the servers beneath, as one sentence."""

    mendable: ClassVar = (DarkroomError,)


@click.group(cls=ImagesGroup)
def main() -> None:
    """What people do with images."""


@main.command("requeue")
@click.argument("reason")
@click.option("--source", help="Only images of this door: kafka, bucket or upload.")
@click.option("--since", help="Only those rejected since this date or time (ISO 8601, UTC).")
@click.option("--yes", is_flag=True, help="Do not ask.")
def requeue_rejected(reason: str, source: str | None, since: str | None, yes: bool) -> None:
    """Send the rejected images of REASON through again."""
    selection = Selection(reason_named(reason), source_named(source), moment_named(since))
    with running_database(Stack.of_project(say)) as env:
        settings = Settings.of(env)
        warehouse, age = Warehouse.from_settings(settings), settings.purge_age
        with warehouse.connect() as connection:
            counts = count_rejected(connection, selection, utc_now(), age)
        _print_counts(counts, selection.reason)
        selected = counts.get(selection.reason, 0)
        if not selected:
            console.print(f"No image rejected as {selection.reason} can be sent through again.")
            return
        if not yes:
            click.confirm(
                f"Send {selected} rejected as {selection.reason} through again?", abort=True
            )
        with warehouse.connect() as connection:
            waiting = requeue(connection, selection, utc_now(), age)
    console.print(
        f"[bold green]✓[/] {waiting} images wait again; the running platform takes them by itself."
    )


def _print_counts(counts: Mapping[str, int], chosen: str) -> None:
    table = Table("rejected as", "images", caption="what retention is about to take is left alone")
    table.columns[1].justify = "right"
    for reason, count in counts.items():
        table.add_row(f"[bold]{reason}[/]" if reason == chosen else reason, f"{count:,}")
    if counts:
        console.print(table)


if __name__ == "__main__":
    main(prog_name="python -m infra.images")
