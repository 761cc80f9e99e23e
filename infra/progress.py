"""The one progress bar of all commands."""

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from infra.console import notices


def progress_bar(*more: ProgressColumn, count: ProgressColumn | None = None) -> Progress:
    """Returns a bar that shows what goes on, how much of it is done, and for how long.

    Args:
        more: Further columns, before the time.
        count: Replaces the column “done/total”.
    """
    return Progress(
        TextColumn("  {task.description:<20}"),
        BarColumn(bar_width=None),
        count or MofNCompleteColumn(),
        *more,
        TimeElapsedColumn(),
        console=notices,
        expand=False,
    )
