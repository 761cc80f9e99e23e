"""`darkroom topic`: the Kafka topic beside its file, and the messages that were lost from it."""

from typing import Annotated

import typer

from assets.ingestion.kafka import gaps
from assets.resources.event_log import administrator
from assets.timing import utc_now
from cli.options import Json
from cli.servers import running_platform, warehouse_connection
from infra.console import console, counted, print_json, print_sentences, print_table
from infra.kafka.topics import find_differences, load_description, reconcile

app = typer.Typer()


@app.command()
def apply(json: Json = False) -> None:
    """Bring the topic to what infra/kafka/topics.yaml says; exit code 1 if something is left."""
    settings, wanted = running_platform("kafka").settings, load_description()
    with administrator(settings) as admin:
        done = reconcile(admin, settings.kafka_topic, wanted)
    if json:
        print_json(done)
    else:
        print_sentences("[green]✓[/]", done.changed)
        print_sentences("[yellow]![/]", done.left)
        if done.note:
            console.print(done.note)
        if done.left:
            console.print("Partitions are never removed, and some brokers cannot add any.")
        elif not done.changed:
            console.print(f"The topic {settings.kafka_topic} is as the file says.")
    if done.left:
        raise typer.Exit(1)


@app.command()
def diff(json: Json = False) -> None:
    """Show where the topic and its file differ; exit code 1 if they do."""
    settings = running_platform("kafka").settings
    with administrator(settings) as admin:
        differences, note = find_differences(admin, settings.kafka_topic, load_description())
    if json:
        print_json(differences)
    else:
        print_sentences("[red]![/]", differences)
        if note:
            console.print(note)
        if not differences:
            console.print(f"The topic {settings.kafka_topic} is as the file says.")
    if differences:
        raise typer.Exit(1)


@app.command("gaps")
def list_gaps(json: Json = False) -> None:
    """List the ranges of messages that were lost or cannot be read."""
    with warehouse_connection() as connection:
        found = gaps.read_gaps(connection)
    if json:
        print_json(found)
    elif found:
        red_if_missing = {"explained": lambda text: "red" if text == "no" else ""}
        print_table([_row(one) for one in found], styles=red_if_missing)
    else:
        console.print("No message was ever lost, and all could be read.")


@app.command("explain-gap")
def explain_gap(
    gap: Annotated[int, typer.Argument(metavar="GAP", help="The number that `gaps` shows.")],
    because: Annotated[str, typer.Option(help="What happened.")],
) -> None:
    """Record why the messages of a gap are missing; its check turns green."""
    with warehouse_connection() as connection:
        explained = gaps.explain(connection, gap, because, utc_now())
    messages = counted(explained.messages, "message")
    console.print(f"Gap {gap} ({messages} of {explained.topic}) is explained.")


def _row(one: gaps.RecordedGap) -> dict[str, object]:
    return {
        "gap": one.gap_id,
        "topic": one.topic,
        "partition": one.partition,
        "offsets": f"{one.first_offset}–{one.next_offset - 1}",
        "messages": one.messages,
        "why": one.reason,
        "noticed": one.noticed_at,
        "explained": one.explanation or "no",
    }
