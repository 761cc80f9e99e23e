"""The commands behind `make purge`, `erase`, `prove`, and those about receipts."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Sequence
from typing import ClassVar

import click

from assets.errors import ServerError, StackError
from assets.resources.object_store import ObjectStore
from assets.resources.warehouse import Warehouse
from assets.retention import ledger_rows
from assets.retention.clocks import earliest, read_clocks
from assets.retention.erasure import Erasure, ErasureSelectionError, choose, image_named
from assets.retention.proof import Prover, read_chain
from assets.retention.purge import Purge
from assets.retention.receipt_store import last_number, read_receipts
from assets.retention.receipts import Copy
from assets.retention.restore import BrokenArchiveError, Restore
from assets.retention_policy import ImplausiblePurgeError, cutoff
from assets.settings import Settings
from assets.timing import utc_now
from cli.database import running_database
from cli.purge_progress import purge_progress
from cli.retention_report import (
    print_chain,
    print_deleted,
    print_proof,
    print_receipts,
)
from infra.console import CommandGroup, console, say
from infra.local.server import Health
from infra.local.stack import Stack


class RetentionGroup(CommandGroup):
    """Says errors about the choice, the purge and the servers beneath as one sentence."""

    mendable: ClassVar = (
        StackError,
        ServerError,
        ErasureSelectionError,
        ImplausiblePurgeError,
        BrokenArchiveError,
    )


@click.group(cls=RetentionGroup)
def main() -> None:
    """Seven days: what goes, what is proven, and what somebody wants gone at once.

    docs/retention.md says what is promised and how it is kept.
    """


@main.command()
@click.option("--any-share", is_flag=True, help="However large a share of all images is due.")
def purge(any_share: bool) -> None:
    """Delete what has reached its age, as the hourly job does.

    Stops and deletes nothing when more than half of all images are due, because a clock may be
    wrong; --any-share goes on.
    """
    settings, store, warehouse = _opened()
    now = earliest(read_clocks(warehouse, store))
    with warehouse.connect() as connection:
        due, _ = ledger_rows.count_due(connection, cutoff(now, settings.purge_age))
    with purge_progress("purging", due) as show:
        gone = Purge(settings, store, warehouse, any_share, show).run(now)
    print_deleted(console, gone)
    console.print(
        f"[bold green]✓[/] {gone.items(Copy.LEDGER_ROW):,} images are gone; the receipt is "
        "written. `make receipts` lists it."
    )


@main.command()
@click.option("--image", "images", multiple=True, help="The id of an image; may be repeated.")
@click.option("--source", help="Images of this door: kafka, bucket or upload.")
@click.option("--uploader", help="Images of this uploader.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase(images: Sequence[str], source: str | None, uploader: str | None, yes: bool) -> None:
    """Delete all copies of chosen images now, before they have reached their age.

    Of several options only images are taken that all of them describe. Readers stop seeing them
    first; nothing of them becomes known again. Messages that Kafka's brokers still hold stay there
    until the topic's own retention, and the platform never lands them again.
    """
    chosen = choose(images, source, uploader)
    settings, store, warehouse = _opened()
    count = Erasure(settings, store, warehouse).count(chosen)
    if not (count or chosen.are_named):
        console.print("The ledger knows no such image; nothing was erased.")
        return
    if count and not yes:
        click.confirm(f"Erase {count:,} images with all their copies, for good?", abort=True)
    with purge_progress("erasing", count) as show:
        gone = Erasure(settings, store, warehouse, show).run(chosen, utc_now())
    if not gone.items():
        console.print(
            "The ledger knows no such image; nothing was erased. What carries such an id does not "
            f"become known for {settings.retention.total_seconds() / 3600:.0f} hours."
        )
        return
    print_deleted(console, gone)
    console.print(
        f"[bold green]✓[/] {gone.items(Copy.LEDGER_ROW):,} images are erased; the receipt is "
        "written. `make prove IMAGE=…` proves it for each."
    )


@main.command()
@click.argument("image")
def prove(image: str) -> None:
    """Prove that IMAGE is gone; exit code 1 if it is not, or nothing proves it.

    Looks at the ledger, at all receipts and their chain, at the image's keys in the processed and
    quarantine buckets, and at every version in the raw bucket; says what was looked at.
    """
    named = image_named(image)
    settings, store, warehouse = _opened()
    with console.status("looking") as status:
        auditor = Prover(settings, store, warehouse, lambda what: status.update(f"  {what}"))
        proof = auditor.prove(named, utc_now())
    print_proof(console, proof, settings)
    if not proof.is_gone:
        sys.exit(1)


@main.command("verify-receipts")
def verify_receipts() -> None:
    """Verify the chain of receipts; exit code 1 if one is missing, changed or out of its place."""
    with (
        running_database(Stack.of_project(say)) as env,
        Warehouse.from_settings(Settings.of(env)).connect() as connection,
    ):
        chain = read_chain(connection)
    print_chain(console, chain)
    if chain.wrong:
        sys.exit(1)


@main.command()
@click.option("--last", type=click.IntRange(min=1), default=24, show_default=True)
def receipts(last: int) -> None:
    """List the last receipts: when, why, and what went."""
    with (
        running_database(Stack.of_project(say)) as env,
        Warehouse.from_settings(Settings.of(env)).connect() as connection,
    ):
        after = max(0, last_number(connection) - last)
        found = deque(read_receipts(connection, after), maxlen=last)
    if not found:
        console.print("There is no receipt yet: the first purge writes one, at 7 past the hour.")
        return
    print_receipts(console, list(found))


@main.command("reapply-receipts")
def reapply_receipts() -> None:
    """After a restore: delete again what was deleted since the dump was taken.

    Receipts that the restored database has lost are put back from the receipts bucket, and what
    they tell of is hidden and deleted. Do it before anybody reads; it can be repeated.
    """
    settings, store, warehouse = _opened()
    with purge_progress("deleting again", None) as show:
        done = Restore(settings, store, warehouse, show).reapply()
    print_deleted(console, done.gone)
    console.print(
        f"[bold green]✓[/] {done.receipts:,} receipts are back, and "
        f"{done.gone.items(Copy.LEDGER_ROW):,} images that they tell of are gone again."
    )


def _opened() -> tuple[Settings, ObjectStore, Warehouse]:
    """Returns the platform's settings and clients.

    Raises `StackError` when an embedded server that is needed does not run.
    """
    stack = Stack.of_project()
    for server in stack.servers:
        if server.name in {"postgres", "object_store"} and server.health() is not Health.RUNNING:
            raise StackError(f"{server.title} does not run; start the platform with `make up`.")
    settings = stack.settings()
    return settings, ObjectStore(settings), Warehouse.from_settings(settings)


if __name__ == "__main__":
    main(prog_name="python -m cli.retention")
