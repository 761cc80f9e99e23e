"""Arguments and options that several commands have."""

from collections.abc import Callable
from typing import Annotated, Literal, TypeVar

import typer

from assets.errors import DarkroomError

Value = TypeVar("Value")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Kafka = Annotated[Literal["tansu", "apache"], typer.Option(help="Which broker.")]


def parsed(name: str, parse: Callable[[str], Value], text: str) -> Value:
    """Parses the text of an argument or option.

    Raises `typer.BadParameter`, which names it, when `parse` raises a `DarkroomError`.
    """
    try:
        return parse(text)
    except DarkroomError as error:
        raise typer.BadParameter(str(error), param_hint=name) from error
