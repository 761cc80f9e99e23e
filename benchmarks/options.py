"""Options that several benchmarks have."""

from typing import Annotated, Literal

import typer

Rounds = Annotated[int, typer.Option(min=1, help="Medians are taken over these.")]
Kafka = Annotated[Literal["tansu", "apache"], typer.Option(help="Which broker.")]

ONLY = typer.Option(help="Measure this part only; may be repeated.")
