"""How commands print: results to standard output; steps, progress and errors to standard error."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

console = Console(highlight=False)
notices = Console(stderr=True, highlight=False)

OK: Final = "[bold green]✓[/]"
FAILED: Final = "[bold red]✗[/]"

Style = Callable[[str], str]
"""Returns the markup style of a cell's text; an empty one leaves the cell plain."""


def say(step: str) -> None:
    """Prints a step that begins."""
    notices.print(f"  [cyan]•[/] {escape(step)}")


def counted(count: int, noun: str) -> str:
    """Returns a count with its noun: `1 image`, `1,200 images`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def print_sentences(sign: str, sentences: Iterable[object]) -> None:
    """Prints one line per sentence, behind a sign in markup."""
    for sentence in sentences:
        console.print(f"{sign} {escape(str(sentence))}", soft_wrap=True)


def print_table(
    rows: Sequence[Mapping[str, object]],
    *,
    title: str | None = None,
    caption: str | None = None,
    styles: Mapping[str, Style] | None = None,
) -> None:
    """Prints rows as a table: their keys are the headings, numbers are aligned right."""
    if not rows:
        console.print(f"[bold]{escape(title or 'Nothing')}[/]: no rows")
        return
    table = Table(title=title, caption=caption, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.title_justify, table.title_style, table.caption_justify = "left", "bold", "left"
    for heading in rows[0]:
        values = [row[heading] for row in rows if row[heading] is not None]
        is_number = all(isinstance(value, int | float | Decimal) for value in values)
        table.add_column(escape(heading), justify="right" if values and is_number else "left")
    for row in rows:
        table.add_row(*(_cell(value, (styles or {}).get(key)) for key, value in row.items()))
    console.print(table)


def print_json(value: object) -> None:
    """Prints a value as JSON: dataclasses as objects, times as ISO 8601, bytes as hex digits."""
    console.out(to_json(value), highlight=False)


def to_json(value: object) -> str:
    """Returns a value as indented JSON text.

    Raises `TypeError` for a type that has no JSON form.
    """
    return json.dumps(value, indent=2, ensure_ascii=False, default=_plain)


def shown(value: object) -> str:
    """Returns a value as people read it in a table."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Decimal | float):
        return f"{value:,.2f}"
    return "" if value is None else str(value)


def _cell(value: object, style: Style | None) -> str:
    text = shown(value)
    markup = style(text) if style else ""
    return f"[{markup}]{escape(text)}[/]" if markup else escape(text)


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, bytes):
        return value.hex()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form here")
