"""`darkroom images`: send images, requeue rejected ones, erase some, and prove that one is gone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from assets.catalog.requeue import Selection, count_rejected, moment_named, reason_named, requeue
from assets.errors import TopicError
from assets.ingestion.kafka.producer import (
    NotSent,
    files_in,
    read_files,
    send,
    store_as_claim_checks,
)
from assets.ingestion.registry import source_named, source_names
from assets.platform import Platform
from assets.resources.event_log import administrator
from assets.resources.topic_states import read_shape
from assets.resources.warehouse import Warehouse
from assets.retention.erasure import Erasure, image_named
from assets.retention.erasure_requests import ErasureSelection
from assets.retention.proof import prove as prove_gone
from assets.retention.receipts import Copy
from assets.settings import Settings
from assets.timing import utc_now
from assets.validation.reasons import Reason
from assets.validation.signatures import SIGNATURE_BYTES, format_of
from cli.options import Json, Yes, parsed
from cli.retention_report import print_deleted, print_proof, purge_progress
from cli.servers import running_database, running_platform
from infra.console import OK, console, counted, notices, print_json, print_sentences, print_table
from infra.progress import progress_bar

app = typer.Typer()

_NAMES_SHOWN = 5

Source = Annotated[
    str | None,
    typer.Option(
        metavar="|".join(source_names()),
        autocompletion=lambda: list(source_names()),
        help="Only images of this source.",
    ),
]


@app.command()
def produce(
    folder: Annotated[
        str, typer.Argument(metavar="FOLDER", help="Files in it and below; hidden ones stay.")
    ],
    uploader: Annotated[str | None, typer.Option(help="Who sends them.")] = None,
    claim_check: Annotated[
        bool, typer.Option("--claim-check", help="Put them into the raw bucket; send their keys.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Send the files of a folder to the Kafka topic, one message each.

    Asks first when some of the files are no images.
    """
    root = Path(folder)
    paths, large = files_in(root)
    others = [path.relative_to(root).as_posix() for path in paths if not _is_image(path)]
    notices.print(f"{counted(len(paths), 'file')} to send from {root.resolve()}", soft_wrap=True)
    if others and not yes:
        names = ", ".join(others[:_NAMES_SHOWN]) + ("…" if len(others) > _NAMES_SHOWN else "")
        typer.confirm(
            f"{counted(len(others), 'file')} of them "
            f"{'is no image' if len(others) == 1 else 'are no images'} ({names}). Send all?",
            abort=True,
        )
    platform = running_platform("kafka", *(["object_store"] if claim_check else []))
    refused = _send(platform, root, paths, uploader, claim_check)
    sent = counted(len(paths) - len(refused), "file")
    console.print(f"{OK} {sent} sent to the topic {platform.settings.kafka_topic}.")
    not_sent = [*large, *refused]
    print_sentences("[red]✗[/]", [f"{one.name}: {one.reason}" for one in not_sent])
    if not_sent:
        raise TopicError(f"{counted(len(not_sent), 'file')} could not be sent.")


@app.command("requeue")
def requeue_rejected(
    reason: Annotated[
        str,
        typer.Argument(
            metavar="REASON",
            autocompletion=lambda: list(Reason),
            help=f"Why they were rejected: {', '.join(Reason)}.",
        ),
    ],
    source: Source = None,
    since: Annotated[
        str | None, typer.Option(help="Only those rejected since this date or time (UTC).")
    ] = None,
    yes: Yes = False,
) -> None:
    """Process the rejected images of a reason again, from quarantine."""
    selection = Selection(
        parsed("REASON", reason_named, reason),
        parsed("--source", source_named, source) if source else None,
        parsed("--since", moment_named, since) if since else None,
    )
    with running_database() as env:
        settings = Settings.of(env)
        warehouse, age = Warehouse.from_settings(settings), settings.purge_age
        with warehouse.connect() as connection:
            counts = count_rejected(connection, selection, utc_now(), age)
        if counts:
            print_table(
                [{"rejected as": one, "images": count} for one, count in counts.items()],
                caption="without those that retention is about to delete",
                styles={"rejected as": lambda one: "bold" if one == reason else ""},
            )
        selected = counts.get(reason, 0)
        if not selected:
            console.print(f"No image rejected as {reason} can be processed again.")
            return
        images = counted(selected, "image")
        if not yes:
            typer.confirm(f"Process {images} rejected as {reason} again?", abort=True)
        with warehouse.connect() as connection:
            waiting = requeue(connection, selection, utc_now(), age)
    console.print(f"{OK} {counted(waiting, 'image')} requeued; the running platform takes them.")


@app.command()
def erase(
    images: Annotated[
        list[str] | None, typer.Option("--image", metavar="ID", help="An image; may be repeated.")
    ] = None,
    source: Source = None,
    uploader: Annotated[str | None, typer.Option(help="Only images of this uploader.")] = None,
    yes: Yes = False,
) -> None:
    """Delete all copies of chosen images now, before they have reached their age.

    Deletes the images that match all options. Readers stop seeing them first; none of them can be
    registered again. Messages that Kafka's brokers still hold stay there until the topic's own
    retention, and the platform never lands them again.
    """
    if not (images or source or uploader):
        raise typer.BadParameter("choose images by --image, --source or --uploader.")
    chosen = ErasureSelection(
        tuple(parsed("--image", image_named, image) for image in images or ()),
        parsed("--source", source_named, source) if source else None,
        uploader,
    )
    platform = running_platform("postgres", "object_store")
    count = Erasure(platform).count(chosen)
    if not (count or chosen.is_by_id):
        console.print("The ledger knows no such image; nothing was erased.")
        return
    if count and not yes:
        typer.confirm(f"Erase {counted(count, 'image')} with all copies, for good?", abort=True)
    with purge_progress("erasing", count) as show:
        erasure = Erasure(platform, show)
        number = erasure.request(chosen)
        gone = erasure.run(number, utc_now())
    if not gone.items():
        hours = platform.settings.retention_hours
        console.print(
            "The ledger knows no such image; nothing was erased. An image of that id cannot be "
            f"registered for {hours} hours."
        )
        return
    print_deleted(gone)
    console.print(
        f"{OK} {counted(gone.items(Copy.LEDGER_ROW), 'image')} erased; the receipt is "
        f"written. It was request {number}; `darkroom images prove ID` proves it for each."
    )


@app.command()
def prove(
    image: Annotated[str, typer.Argument(metavar="IMAGE", help="The image's id.")],
    json: Json = False,
) -> None:
    """Prove that an image is gone; exit code 1 if it is not, or nothing proves it.

    Searches the ledger, all receipts and their chain, the image's keys in the processed and
    quarantine buckets, and every version in the raw bucket; reports what was searched.
    """
    named = parsed("IMAGE", image_named, image)
    platform = running_platform("postgres", "object_store")
    with notices.status("searching") as status:
        proof = prove_gone(platform, named, utc_now(), lambda what: status.update(f"  {what}"))
    if json:
        print_json({"is_gone": proof.is_gone} | vars(proof))
    else:
        print_proof(proof, platform.settings)
    if not proof.is_gone:
        raise typer.Exit(1)


def _send(
    platform: Platform, root: Path, paths: Sequence[Path], uploader: str | None, claim_check: bool
) -> list[NotSent]:
    settings = platform.settings
    with administrator(settings) as admin:
        read_shape(admin, settings.kafka_topic)
    outgoing = read_files(root, paths, uploader)
    if claim_check:
        outgoing = store_as_claim_checks(platform.object_store, outgoing, utc_now())
    with progress_bar() as progress:
        task = progress.add_task(f"to {settings.kafka_topic}", total=len(paths))
        return send(settings, outgoing, lambda _: progress.advance(task))


def _is_image(path: Path) -> bool:
    with path.open("rb") as file:
        return format_of(file.read(SIGNATURE_BYTES)) is not None
