"""`darkroom retention`: the purge, and the receipts of what was deleted."""

from collections import deque
from typing import Annotated

import typer

from assets.retention import ledger_rows
from assets.retention.clocks import earliest, read_clocks
from assets.retention.purge import Purge
from assets.retention.receipt_chain import read_chain
from assets.retention.receipt_store import last_number, read_receipts
from assets.retention.receipts import Copy
from assets.retention.restore import Restore
from assets.retention_policy import cutoff
from assets.timing import utc_now
from cli.options import Json, Yes
from cli.retention_report import print_chain, print_deleted, print_receipts, purge_progress
from cli.servers import running_platform, warehouse_connection
from infra.console import OK, console, counted, print_json

app = typer.Typer()


@app.command()
def purge(
    any_share: Annotated[
        bool, typer.Option("--any-share", help="However large a share of all images is due.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Delete what has reached its age, as the hourly job does.

    Deletes nothing when more than half of all images are due, because a clock may be wrong;
    --any-share overrules that.
    """
    platform = running_platform("postgres", "object_store")
    now = earliest(read_clocks(platform))
    with platform.warehouse.connect() as connection:
        due, _ = ledger_rows.count_due(connection, cutoff(now, platform.settings.purge_age))
    if due and not yes:
        typer.confirm(f"Purge {counted(due, 'image')} with all copies?", abort=True)
    with purge_progress("purging", due) as show:
        gone = Purge(platform, any_share, show).run(now)
    print_deleted(gone)
    console.print(
        f"{OK} {counted(gone.items(Copy.LEDGER_ROW), 'image')} purged; the receipt is written. "
        "`darkroom retention receipts` lists it."
    )


@app.command()
def verify(json: Json = False) -> None:
    """Verify the receipts; exit code 1 if one is missing, changed, out of place or not signed.

    Compares the receipts in the database with those in the archive, one by one. Needs no secret:
    the archive publishes the keys that verify the signatures.
    """
    chain = read_chain(running_platform("postgres", "object_store"), utc_now())
    if json:
        print_json(chain)
    else:
        print_chain(chain)
    if chain.problems:
        raise typer.Exit(1)


@app.command()
def receipts(
    last: Annotated[int, typer.Option(min=1, help="How many.")] = 24, json: Json = False
) -> None:
    """List the last receipts: when, why, and what was deleted."""
    with warehouse_connection() as connection:
        after = max(0, last_number(connection) - last)
        found = list(deque(read_receipts(connection, after), maxlen=last))
    print_receipts(found, json)


@app.command()
def reapply(yes: Yes = False) -> None:
    """After a restore: delete again what was deleted since the dump was taken.

    Receipts that the restored database has lost are put back from the receipts bucket, and the
    images that they name are hidden and deleted. Do it before anybody reads; it can be repeated.
    """
    platform = running_platform("postgres", "object_store")
    if not yes:
        typer.confirm("Delete again what the receipts name?", abort=True)
    with purge_progress("deleting again", None) as show:
        restored, gone = Restore(platform, show).reapply()
    print_deleted(gone)
    console.print(
        f"{OK} {counted(restored, 'receipt')} put back, and "
        f"{counted(gone.items(Copy.LEDGER_ROW), 'image')} that they name deleted again."
    )
