"""Makes every attempt against a platform of the campaign's own and reports what held."""

import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rich.markup import escape

from assets.errors import DarkroomError
from infra.console import FAILED, OK, console, counted, print_json, say
from infra.local.ports import free_ports
from infra.local.stack import OUTSIDE_SERVERS, Stack
from infra.local.state import StateFolder
from tests.campaigns.security import (
    audit_log,
    dagster_web,
    database,
    erasures,
    object_store,
    program_secrets,
    receipts,
    uploads,
    workers,
)
from tests.campaigns.security.attempt import Attempt, Result, Target, Verdict, try_out

SECTIONS: Final[dict[str, tuple[Attempt, ...]]] = {
    "Dagster": dagster_web.ATTEMPTS,
    "Programs": program_secrets.ATTEMPTS,
    "Object store": object_store.ATTEMPTS,
    "Erasures": erasures.ATTEMPTS,
    "Receipts": receipts.ATTEMPTS,
    "Database": database.ATTEMPTS,
    "Audit log": audit_log.ATTEMPTS,
    "Uploads": uploads.ATTEMPTS,
    "Image workers": workers.ATTEMPTS,
}

_SIGNS = {Verdict.HELD: OK, Verdict.NOT_HELD: FAILED, Verdict.NOT_MADE: "[bold yellow]?[/]"}


class NotHeldError(DarkroomError):
    """An attempt got something, or could not be made."""


@contextmanager
def own_target() -> Iterator[Target]:
    """Starts a platform with temporary state on free ports, and deletes it afterwards."""
    outside = {name: val for name, val in os.environ.items() if name not in OUTSIDE_SERVERS}
    with tempfile.TemporaryDirectory(prefix="darkroom-security-") as folder:
        stack = Stack(StateFolder(Path(folder, "state")), free_ports(), outside, say)
        try:
            stack.start()
            stack.start_programs()
            yield Target(stack)
        finally:
            stack.stop()


def run(as_json: bool) -> None:
    """Makes all attempts and prints the report.

    Raises `NotHeldError` unless the platform held against every attempt.
    """
    with own_target() as target:
        results = list(_make_all(target, is_shown=not as_json))
    if as_json:
        print_json([vars(one) | {"verdict": one.verdict} for one in results])
    counts = Counter(one.verdict for one in results)
    tried = counted(len(results), "attempt")
    if failed := len(results) - counts[Verdict.HELD]:
        raise NotHeldError(f"{tried}: {failed} did not hold or could not be made.")
    if not as_json:
        console.print(f"\n{OK} {tried}, all held")


def _make_all(target: Target, is_shown: bool) -> Iterator[Result]:
    for section, attempts in SECTIONS.items():
        if is_shown:
            console.print(f"\n[bold]{section}[/]")
        for attempt in attempts:
            result = try_out(section, attempt, target)
            if is_shown:
                _print(result)
            yield result


def _print(result: Result) -> None:
    line = f"{_SIGNS[result.verdict]} {result.verdict:8}  {escape(result.title)}"
    console.print(line, soft_wrap=True)
    for sentence in (*result.got, *([result.error] if result.error else []), *result.notes):
        console.print(f"{'':12}{escape(sentence)}", soft_wrap=True)
