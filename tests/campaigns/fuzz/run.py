"""A fuzz campaign from start to report: hostile files through the real worker processes."""

from __future__ import annotations

import secrets
import warnings

from infra.console import FAILED, OK, console
from infra.progress import progress_bar
from tests.campaigns.fuzz.campaign import (
    Campaign,
    FileResult,
    hostile_files,
    run_campaign,
)
from tests.campaigns.fuzz.report import (
    figures,
    print_report,
    save_failures,
    write_report,
)

_MAX_GROWTH_BYTES = 64 << 20


def run(files: int, seed: int | None, workers: int, processor: str) -> bool:
    """Runs a campaign, prints its report and writes it as JSON.

    Args:
        files: How many hostile files are sent.
        seed: Repeats the files of an earlier campaign.
        workers: How many decoding processes take them.
        processor: package.module:function

    Returns:
        Whether every file was processed or rejected with a reason, and memory stayed in its bound.

    Raises:
        DarkroomError: The processor cannot be used, or a worker hangs.
    """
    seed = secrets.randbelow(10**6) if seed is None else seed
    console.print(f"[bold]Fuzz campaign[/], {files} files, --seed {seed}")
    warnings.filterwarnings("ignore", module="PIL")  # what broken headers make Pillow say
    campaign = _run_with_progress(files, seed, workers, processor)
    print_report(console, campaign)
    path = write_report(figures(campaign, seed))
    growth = campaign.memory_bytes[-1] - campaign.memory_bytes[0]
    if folder := save_failures(campaign, seed):
        console.print(f"{FAILED} Not every file came out as it must. They are in {folder}")
    elif growth > _MAX_GROWTH_BYTES:
        console.print(f"{FAILED} The parent's memory grew by {growth >> 20} MiB.")
    else:
        console.print(
            f"{OK} {files} files in {campaign.seconds:.0f} s: all processed or rejected with a "
            f"reason, 0 crashes, 0 hangs. The same as JSON: {path}"
        )
        return True
    return False


def _run_with_progress(count: int, seed: int, workers: int, processor: str) -> Campaign:
    with progress_bar() as bars:
        task = bars.add_task("files", total=count)

        def show(_verdict: FileResult) -> None:
            bars.advance(task)

        return run_campaign(hostile_files(count, seed), processor, workers, show)
