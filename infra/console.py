"""How commands speak: steps that begin, and errors as one sentence."""

from __future__ import annotations

from typing import ClassVar

import click
from rich.console import Console
from rich.markup import escape

from assets.errors import StackError

console = Console(highlight=False)


def say(step: str) -> None:
    """Prints a step that begins."""
    console.print(f"  [cyan]•[/] {step}")


class CommandGroup(click.Group):
    """Prints what a user can mend as one sentence, and ends with exit code 1."""

    mendable: ClassVar[tuple[type[Exception], ...]] = (StackError,)

    def invoke(self, ctx: click.Context) -> object:
        """Runs the command."""
        try:
            return super().invoke(ctx)
        except self.mendable as error:
            console.print(f"[bold red]✗[/] {escape(str(error))}")
            ctx.exit(1)
