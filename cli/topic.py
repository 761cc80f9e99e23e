"""The commands behind `make topic`, `topic-drift`, `produce`, `gaps` and `explain-gap`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar

import click
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from assets.errors import ServerError, StackError, TopicError
from assets.ingestion.kafka import gaps
from assets.ingestion.kafka.producer import (
    NotSent,
    files_in,
    read_files,
    send,
    store_as_claim_checks,
)
from assets.resources.object_store import ObjectStore
from assets.resources.topic_states import TopicMissingError, read_shape
from assets.resources.warehouse import Warehouse
from assets.settings import Settings
from assets.timing import utc_now
from cli.database import running_database
from infra.console import CommandGroup, console, say
from infra.kafka.reconcile import find_differences, reconcile
from infra.kafka.topics import administrator, load_description
from infra.local.server import Health
from infra.local.stack import Stack


class KafkaGroup(CommandGroup):
    """Says errors about topics, gaps and files, and about the servers beneath, as one sentence."""

    mendable: ClassVar = (
        StackError,
        TopicError,
        TopicMissingError,
        gaps.GapError,
        ServerError,
    )


@click.group(cls=KafkaGroup)
def main() -> None:
    """The Kafka topic of images: what it should be, what is sent, what was lost."""


@main.command()
def topic() -> None:
    """Make the topic what infra/kafka/topics.yaml says, and show what was changed."""
    settings = _settings_of_running("kafka")
    name, wanted = settings.kafka_topic, load_description()
    with administrator(settings.kafka_bootstrap_servers) as admin:
        done = reconcile(admin, name, wanted)
    _print_list("[green]✓[/]", done.changed)
    _print_list("[yellow]![/]", done.left)
    if done.note:
        console.print(done.note)
    if done.left:
        console.print("Partitions are never removed, and some brokers cannot add any.")
        sys.exit(1)
    if not done.changed:
        console.print(f"The topic {name} is as the file says: nothing to change.")


@main.command("topic-drift")
def topic_drift() -> None:
    """Show where the topic and the file differ; exit code 1 if they do."""
    settings = _settings_of_running("kafka")
    with administrator(settings.kafka_bootstrap_servers) as admin:
        differences, note = find_differences(admin, settings.kafka_topic, load_description())
    _print_list("[red]![/]", differences)
    if note:
        console.print(note)
    if differences:
        sys.exit(1)
    console.print(f"The topic {settings.kafka_topic} is as the file says.")


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--uploader", help="Who sends them.")
@click.option("--claim-check", is_flag=True, help="Put them into the raw bucket; send their keys.")
def produce(folder: Path, uploader: str | None, claim_check: bool) -> None:
    """Send the files of FOLDER to the topic, one message each."""
    paths, large = files_in(folder)
    settings = _settings_of_running(*(["kafka", "object_store"] if claim_check else ["kafka"]))
    with administrator(settings.kafka_bootstrap_servers) as admin:
        read_shape(admin, settings.kafka_topic)
    outgoing = read_files(folder, paths, uploader)
    if claim_check:
        outgoing = store_as_claim_checks(ObjectStore(settings), outgoing, utc_now())
    with _progress() as progress:
        task = progress.add_task(f"to the topic {settings.kafka_topic}", total=len(paths))
        refused = send(settings, outgoing, lambda _: progress.advance(task))
    sent = len(paths) - len(refused)
    console.print(f"[bold green]✓[/] {sent} files are in the topic {settings.kafka_topic}.")
    _print_not_sent([*large, *refused])


@main.command("gaps")
def list_gaps() -> None:
    """List the ranges of messages that were gone before they could be landed."""
    with (
        running_database(Stack.of_project(say)) as env,
        Warehouse.from_settings(Settings.of(env)).connect() as connection,
    ):
        found = gaps.read_gaps(connection)
    if not found:
        console.print("No message was ever gone before it could be landed.")
        return
    _print_gaps(found)


@main.command("explain-gap")
@click.argument("gap", type=int)
@click.option("--because", required=True, help="What you found out.")
def explain_gap(gap: int, because: str) -> None:
    """Record why the messages of a gap are missing; its check turns green."""
    with (
        running_database(Stack.of_project(say)) as env,
        Warehouse.from_settings(Settings.of(env)).connect() as connection,
    ):
        explained = gaps.explain(connection, gap, because, utc_now())
    console.print(
        f"Gap {gap} ({explained.gap.messages:,} messages of {explained.gap.topic}) is explained."
    )


def _settings_of_running(*names: str) -> Settings:
    """Returns the settings of the platform.

    Raises `StackError` when an embedded server that is needed does not run.
    """
    stack = Stack.of_project()
    for server in stack.servers:
        if server.name in names and server.health() is not Health.RUNNING:
            raise StackError(f"{server.title} does not run; start the platform with `make up`.")
    return stack.settings()


def _progress() -> Progress:
    return Progress(
        TextColumn("  {task.description:<24}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )


def _print_list(sign: str, what: Iterable[object]) -> None:
    for one in what:
        console.print(f"{sign} {escape(str(one))}", soft_wrap=True)


def _print_not_sent(not_sent: Sequence[NotSent]) -> None:
    for one in not_sent:
        console.print(f"[red]✗[/] {escape(one.name)}: {escape(one.reason)}", soft_wrap=True)
    if not_sent:
        raise TopicError(f"{len(not_sent)} files were not sent.")


def _print_gaps(found: Sequence[gaps.RecordedGap]) -> None:
    table = Table("gap", "topic", "partition", "offsets", "messages", "why", "noticed", "explained")
    for column in (0, 2, 4):
        table.columns[column].justify = "right"
    for one in found:
        table.add_row(
            str(one.gap_id),
            escape(one.gap.topic),
            str(one.gap.partition),
            f"{one.gap.first_offset}–{one.gap.next_offset - 1}",
            f"{one.gap.messages:,}",
            one.gap.reason.value,
            f"{one.noticed_at:%Y-%m-%d %H:%M}",
            escape(one.explanation) if one.explanation else "[red]no[/]",
        )
    console.print(table)


if __name__ == "__main__":
    main(prog_name="python -m infra.kafka")
