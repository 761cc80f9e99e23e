"""`make demo`: start the platform, send photographs and sales, wait for the views, report."""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import click
import psycopg
from psycopg.conninfo import make_conninfo
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from assets.access.people import create_person, list_people, reset_person
from assets.access.policy import load_policy
from assets.errors import DarkroomError, ServerUnavailableError, StackError, TopicError
from assets.resources.object_store import ObjectStore
from assets.timing import utc_now
from cli.demo_report import DemoResult, print_report, write_report
from infra.console import console, say
from infra.demo import outcome
from infra.demo.photographs import (
    Photograph,
    PhotographsError,
    broken_files,
    photographs,
    photographs_in,
)
from infra.demo.retention import read_retention
from infra.demo.sales.seed import SCALES, seed
from infra.demo.senders import drop_into_bucket, produce_to_topic
from infra.local.server import Health
from infra.local.stack import Stack

_WAIT_SECONDS = 150


class DemoIncompleteError(DarkroomError):
    """Something sent did not come through; the message says what."""


@dataclass
class Demo:
    """One run of the demo on a stack."""

    stack: Stack
    console: Console
    count: int
    folder: Path | None
    seconds: dict[str, float] = field(default_factory=dict)

    def run(self) -> DemoResult:
        """Starts what is missing, sends, waits and collects.

        Raises:
            DemoIncompleteError: Something did not become visible in time.
            PhotographsError: The person's own folder has no image.
            StackError: A server cannot be started.
        """
        pictures = self._pictures()
        with self._step("start"):
            self.stack.start()
            self.stack.start_dagster()
        env = self.stack.environment()
        started_at = utc_now()
        analyst_conninfo = make_conninfo(
            env["DATABASE_URL"],
            user=outcome.ANALYST,
            password=_password_of_analyst(env["DATABASE_ADMIN_URL"]),
        )
        with (
            psycopg.connect(env["DATABASE_ADMIN_URL"], autocommit=True) as admin,
            psycopg.connect(env["DATABASE_URL"], autocommit=True) as loader,
            psycopg.connect(analyst_conninfo, autocommit=True) as analyst,
        ):
            before = outcome.seen_by(analyst)
            with self._step("send"):
                seed(admin, SCALES["demo"], lambda _: None)
                sent = self._send(pictures)
            expected = outcome.AnalystView(
                finished_images=before.finished_images + before.waiting_images + sum(sent.values()),
                transactions=outcome.count_transactions(admin),
            )
            with self._step("wait"):
                is_complete = self._wait(analyst, before, expected)
            outcomes = outcome.outcomes_since(loader, started_at)
            if not is_complete:
                raise DemoIncompleteError(self._missing(analyst, expected, outcomes, sent))
            return DemoResult(
                sent=sent,
                outcomes=outcomes,
                members=outcome.first_rows(
                    analyst, "view_member_sales_summary", "total_spent desc nulls last", 5
                ),
                days=outcome.first_rows(
                    analyst, "view_image_daily_summary", "arrived_on desc, source", 5
                ),
                retention=read_retention(self.stack.settings(), outcomes, utc_now()),
                seconds=self.seconds,
            )

    def _pictures(self) -> dict[str, Sequence[Photograph]]:
        """Returns what each door is sent: photographs, with a few broken files among them."""
        if self.folder:
            own = list(photographs_in(self.folder))
            return {"bucket": own, "kafka": own}
        made = list(photographs(2 * self.count, seed=secrets.randbelow(2**32)))
        return {
            "bucket": _with_broken_files(made[: self.count]),
            "kafka": _with_broken_files(made[self.count :]),
        }

    def _send(self, pictures: dict[str, Sequence[Photograph]]) -> dict[str, int]:
        settings = self.stack.settings()
        store = ObjectStore(settings)
        folder = f"demo/{utc_now():%Y-%m-%dT%H%M%S}"
        with self._progress() as progress, ThreadPoolExecutor(2) as threads:
            drops = progress.add_task("drop into raw bucket", total=len(pictures["bucket"]))
            messages = progress.add_task("produce to Kafka", total=len(pictures["kafka"]))
            doors = (
                threads.submit(
                    drop_into_bucket,
                    store,
                    folder,
                    pictures["bucket"],
                    lambda: progress.advance(drops),
                ),
                threads.submit(
                    produce_to_topic,
                    settings,
                    pictures["kafka"],
                    lambda: progress.advance(messages),
                ),
            )
            for door in doors:
                door.result()
        return {source: len(sent) for source, sent in pictures.items()}

    def _wait(
        self,
        analyst: psycopg.Connection,
        before: outcome.AnalystView,
        expected: outcome.AnalystView,
    ) -> bool:
        """Watches the analyst's views until they show everything; tells whether they came to."""
        deadline = time.monotonic() + _WAIT_SECONDS
        with self._progress() as progress:
            images = progress.add_task(
                "images visible", total=expected.finished_images - before.finished_images
            )
            sales = progress.add_task("transactions visible", total=expected.transactions)
            while time.monotonic() < deadline:
                seen = outcome.seen_by(analyst)
                progress.update(
                    images, completed=max(0, seen.finished_images - before.finished_images)
                )
                progress.update(sales, completed=seen.transactions)
                if seen.shows(expected):
                    return True
                time.sleep(0.5)
        return False

    def _missing(
        self,
        analyst: psycopg.Connection,
        expected: outcome.AnalystView,
        outcomes: Sequence[outcome.SourceOutcome],
        sent: dict[str, int],
    ) -> str:
        seen = outcome.seen_by(analyst)
        parts = [outcome.describe_missing(outcomes, sent)]
        if seen.transactions != expected.transactions:
            parts.append(
                f"the member summary shows {seen.transactions} transactions "
                f"of {expected.transactions}"
            )
        what = "; ".join(part for part in parts if part) or f"{seen} instead of {expected}"
        return (
            f"After {_WAIT_SECONDS} s the analyst's views do not show everything: {what}. "
            f"Run `make up` and look at the failed runs, or read {self.stack.dagster.log}."
        )

    def _progress(self) -> Progress:
        return Progress(
            TextColumn("  {task.description:<24}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self.console,
        )

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - started


def _password_of_analyst(admin_conninfo: str) -> str:
    """Admits the demo's analyst, or gives the one of an earlier demo a new password."""
    policy = load_policy()
    known = {person.name for person in list_people(admin_conninfo, policy)}
    if outcome.ANALYST in known:
        return reset_person(admin_conninfo, policy, outcome.ANALYST)
    return create_person(admin_conninfo, policy, outcome.ANALYST, "TEAM_ANALYTICS")


def _run(folder: Path | None, count: int) -> tuple[DemoResult, Path]:
    """Leaves the platform as it was, running or not; returns the result and where to write it."""
    stack = Stack.of_project(say)
    was_running = stack.dagster.health() is Health.RUNNING
    try:
        return Demo(stack, console, count, folder).run(), stack.state.path("demo.json")
    finally:
        if not was_running:
            stack.stop()


def _with_broken_files(pictures: Sequence[Photograph]) -> Sequence[Photograph]:
    middle = len(pictures) // 2
    return [*pictures[:middle], *broken_files(), *pictures[middle:]]


@click.command()
@click.option("--images", "folder", type=click.Path(path_type=Path), help="Send your own images.")
@click.option(
    "--count",
    type=click.IntRange(min=1),
    default=60,
    show_default=True,
    help="Photographs per door.",
)
def main(folder: Path | None, count: int) -> None:
    """Send real photographs and sales through the platform and show what an analyst sees."""
    console.print("[bold]Darkroom demo[/]")
    try:
        result, path = _run(folder, count)
    except (
        StackError,
        PhotographsError,
        ServerUnavailableError,
        TopicError,
        DemoIncompleteError,
    ) as error:
        console.print(f"[bold red]✗[/] {error}")
        sys.exit(1)
    print_report(console, result)
    write_report(path, result)
    console.print(f"[bold green]✓[/] Everything sent came through. The same as JSON: {path}")


if __name__ == "__main__":
    main(prog_name="make demo")
