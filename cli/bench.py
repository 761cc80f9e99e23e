"""`darkroom bench`: the benchmarks, each beside its limit; their options are their own."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated

import typer

app = typer.Typer()

BENCHMARKS = {
    "processing": "Image processing beside bare Pillow, libvips and sharp.",
    "warehouse": "Questions and refreshes over millions of sales.",
    "ingest": "Kafka landing, ledger and upload API beside bare loops.",
    "freshness": "Seconds from arrival to visible, and the highest sustained rate.",
    "retention": "Dropping a day, purging and erasing beside the least that could do it.",
}

Arguments = Annotated[list[str] | None, typer.Argument(metavar="[OPTIONS]")]


def _add(name: str) -> None:
    @app.command(
        name,
        help=BENCHMARKS[name],
        add_help_option=False,
        context_settings={"ignore_unknown_options": True},
    )
    def run(arguments: Arguments = None) -> None:
        import_module(f"benchmarks.{name}").main(arguments or [], f"darkroom bench {name}")


for _name in BENCHMARKS:
    _add(_name)
