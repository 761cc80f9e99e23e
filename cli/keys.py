"""`darkroom keys`: keys with which programs and people send images to the upload API."""

from operator import attrgetter
from typing import Annotated

import typer

from assets.errors import ApiKeyError
from assets.ingestion.upload import api_keys
from cli.options import Json, Yes, parsed
from cli.servers import ADMIN, warehouse_connection
from infra.console import console, print_json, print_table

app = typer.Typer()


def _uploader_named(name: str) -> str:
    if not api_keys.UPLOADER.fullmatch(name):
        raise ApiKeyError(
            f"“{name}” cannot be an uploader's name: begin with a small letter or digit, go on "
            "with small letters, digits, “_” or “-”, 63 at most."
        )
    return name


@app.command()
def add(
    uploader: Annotated[str, typer.Argument(metavar="UPLOADER", help="Who sends images with it.")],
    json: Json = False,
) -> None:
    """Issue a key and show it, once."""
    parsed("UPLOADER", _uploader_named, uploader)
    with warehouse_connection(ADMIN) as connection:
        key = api_keys.issue(connection, uploader)
    if json:
        print_json({"uploader": uploader, "key_id": key.key_id, "key": key.text})
        return
    console.print(f"{uploader} may send images. The key is shown this once:")
    console.print(f"[bold]{key.text}[/]", soft_wrap=True)


@app.command("list")
def list_all(json: Json = False) -> None:
    """List the keys, revoked ones included."""
    with warehouse_connection(ADMIN) as connection:
        known = api_keys.records(connection)
    if json:
        print_json(known)
    elif known:
        columns = ("uploader", "key", "issued", "revoked")
        facts = attrgetter("uploader", "key_id", "created_at", "revoked_at")
        print_table([dict(zip(columns, facts(one), strict=True)) for one in known])
    else:
        console.print("There is no key yet: `darkroom keys add UPLOADER` issues one.")


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="KEY", help="The id that `list` shows.")],
    yes: Yes = False,
) -> None:
    """Revoke a key; within a minute nobody can use it."""
    with warehouse_connection(ADMIN) as connection:
        record = next((one for one in api_keys.records(connection) if one.key_id == key_id), None)
        if record is None:
            raise ApiKeyError(
                f"There is no key “{key_id}”; `darkroom keys list` shows them. A key's id is what "
                "stands between its first two underscores."
            )
        if not yes:
            typer.confirm(f"Revoke the key {key_id} of {record.uploader}?", abort=True)
        api_keys.revoke(connection, key_id)
    console.print(f"{key_id} is revoked; the upload API refuses it within a minute.")
