"""A fuzz campaign from start to report: hostile files through the real worker processes."""

import secrets
import warnings

from infra.console import console
from infra.progress import progress_bar
from tests.campaigns.fuzz.campaign import (
    Campaign,
    FileResult,
    hostile_files,
    run_campaign,
)
from tests.campaigns.fuzz.report import print_report, report_of, save_failures


def run(files: int, seed: int | None, workers: int, processor: str) -> None:
    """Runs a campaign, prints its report and writes it as JSON.

    Args:
        seed: Repeats the files of an earlier campaign.
        processor: package.module:function

    Raises `BoundMissedError` when a file was neither processed nor rejected, or memory grew too
    much, and `DarkroomError` when the processor cannot be used, or a worker hangs.
    """
    seed = secrets.randbelow(10**6) if seed is None else seed
    console.print(f"[bold]Fuzz campaign[/], {files} files, --seed {seed}")
    warnings.filterwarnings("ignore", module="PIL")  # Pillow warns of broken headers
    campaign = _run_with_progress(files, seed, workers, processor)
    print_report(console, campaign)
    if folder := save_failures(campaign, seed):
        console.print(f"The files with an unexpected outcome are in {folder}")
    report_of(campaign, seed).finish()


def _run_with_progress(count: int, seed: int, workers: int, processor: str) -> Campaign:
    with progress_bar() as bars:
        task = bars.add_task("files", total=count)

        def show(_result: FileResult) -> None:
            bars.advance(task)

        return run_campaign(hostile_files(count, seed), processor, workers, show)
