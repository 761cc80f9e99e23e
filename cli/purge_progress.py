"""The bar that a purge or an erasure draws while it goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from assets.retention.receipts import Copy, ProgressCallback, Tally
from infra.console import console


@contextmanager
def purge_progress(doing: str, images: int | None) -> Iterator[ProgressCallback]:
    """Shows a bar of images, and beside it how many copies of all kinds went with them.

    Args:
        doing: What goes on.
        images: How many are about to go, as far as anybody knows; None where nobody does.
    """
    bar = Progress(
        TextColumn("  {task.description:<16}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("images, {task.fields[copies]:,} copies"),
        TimeElapsedColumn(),
        console=console,
    )
    with bar:
        task, total, lock = bar.add_task(doing, total=images, copies=0), Tally(), Lock()

        def show(tally: Tally) -> None:
            nonlocal total
            with lock:
                total += tally
                gone = total.items(Copy.LEDGER_ROW)
                bar.update(task, completed=gone, copies=total.items())

        yield show
