"""The commands behind `make api-key`, `api-keys` and `api-key-revoke`."""

from __future__ import annotations

from typing import ClassVar

import click
from rich.table import Table

from assets.errors import ApiKeyError, ServerError, StackError
from assets.ingestion.upload import api_keys
from assets.resources.warehouse import Warehouse
from cli.database import running_database
from infra.console import CommandGroup, console, say
from infra.local.stack import Stack

_ADMIN = "DATABASE_ADMIN_URL"


class UploadGroup(CommandGroup):
    """Says errors about keys, and about the servers beneath, as one sentence."""

    mendable: ClassVar = (StackError, ApiKeyError, ServerError)


@click.group(cls=UploadGroup)
def main() -> None:
    """Keys with which programs and people send images to the upload API."""


@main.command("key-add")
@click.argument("uploader")
def key_add(uploader: str) -> None:
    """Make a key for UPLOADER and show it, once."""
    if not api_keys.UPLOADER.fullmatch(uploader):
        raise ApiKeyError(
            f"“{uploader}” cannot be an uploader's name: begin with a small letter or digit, go on "
            "with small letters, digits, “_” or “-”, 63 at most: `make api-key UPLOADER=shop`."
        )
    key = api_keys.new_key()
    with (
        running_database(Stack.of_project(say)) as env,
        Warehouse(env[_ADMIN]).connect() as connection,
    ):
        api_keys.insert(connection, key, uploader)
    console.print(f"{uploader} may send images. The key is shown this once:")
    console.print(f"[bold]{key.text}[/]", soft_wrap=True)


@main.command("keys")
def keys() -> None:
    """List the keys, revoked ones included."""
    with (
        running_database(Stack.of_project(say)) as env,
        Warehouse(env[_ADMIN]).connect() as connection,
    ):
        known = api_keys.records(connection)
    if not known:
        console.print("There is no key yet: `make api-key UPLOADER=shop` makes the first.")
        return
    table = Table("uploader", "key", "made", "revoked")
    for record in known:
        revoked = f"{record.revoked_at:%Y-%m-%d %H:%M}" if record.revoked_at else ""
        table.add_row(
            record.uploader, record.key_id, f"{record.created_at:%Y-%m-%d %H:%M}", revoked
        )
    console.print(table)


@main.command("key-revoke")
@click.argument("key_id")
def key_revoke(key_id: str) -> None:
    """End a key, known by its id; within a minute nobody can use it."""
    with (
        running_database(Stack.of_project(say)) as env,
        Warehouse(env[_ADMIN]).connect() as connection,
    ):
        is_known = api_keys.revoke(connection, key_id)
    if not is_known:
        raise ApiKeyError(
            f"There is no key “{key_id}”; `make api-keys` lists them. A key's id is what stands "
            "between its first two underscores."
        )
    console.print(f"{key_id} is revoked; the upload API refuses it within a minute.")


if __name__ == "__main__":
    main(prog_name="python -m cli.keys")
