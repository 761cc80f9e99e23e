"""`make fuzz`: thousands of hostile files through the real workers; each of them is explained."""

from __future__ import annotations

import secrets
import sys
import warnings

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from assets.processing.entry_point import ProcessorError
from infra.console import console
from tests.campaigns.fuzz.campaign import (
    Campaign,
    FileResult,
    HangError,
    hostile_files,
    run_campaign,
)
from tests.campaigns.fuzz.report import (
    figures,
    print_report,
    save_failures,
    write_report,
)

_DEFAULT_PROCESSOR = "assets.processing.processor:process"
_MAX_GROWTH_BYTES = 64 << 20


@click.command()
@click.option("--files", "count", default=5000, show_default=True, type=click.IntRange(min=1))
@click.option("--seed", type=int, help="Repeat the files of an earlier campaign.")
@click.option("--workers", default=2, show_default=True, type=click.IntRange(min=1))
@click.option(
    "--processor", default=_DEFAULT_PROCESSOR, show_default=True, help="package.module:function"
)
def main(count: int, seed: int | None, workers: int, processor: str) -> None:
    """Send hostile files through the workers; fail if one is neither processed nor rejected."""
    seed = secrets.randbelow(10**6) if seed is None else seed
    console.print(f"[bold]Darkroom hostile files[/], {count} files, SEED={seed}")
    warnings.filterwarnings("ignore", module="PIL")  # what broken headers make Pillow say
    try:
        campaign = _run_with_progress(count, seed, workers, processor)
    except (HangError, ProcessorError) as error:
        console.print(f"[bold red]✗[/] {error}")
        sys.exit(1)
    print_report(console, campaign)
    path = write_report(figures(campaign, seed))
    growth = campaign.memory_bytes[-1] - campaign.memory_bytes[0]
    if folder := save_failures(campaign, seed):
        console.print(f"[bold red]✗[/] Not every file came out as it must. They are in {folder}")
        sys.exit(1)
    if growth > _MAX_GROWTH_BYTES:
        console.print(f"[bold red]✗[/] The parent's memory grew by {growth >> 20} MiB.")
        sys.exit(1)
    console.print(
        f"[bold green]✓[/] {count} files in {campaign.seconds:.0f} s: all processed or rejected "
        f"with a reason, 0 crashes, 0 hangs. The same as JSON: {path}"
    )


def _run_with_progress(count: int, seed: int, workers: int, processor: str) -> Campaign:
    with Progress(
        TextColumn("  {task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    ) as bars:
        task = bars.add_task("files", total=count)

        def show(_verdict: FileResult) -> None:
            bars.advance(task)

        return run_campaign(hostile_files(count, seed), processor, workers, show)


if __name__ == "__main__":
    main(prog_name="make fuzz")
