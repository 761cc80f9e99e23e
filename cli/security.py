"""`darkroom security`: attempts to break into the platform."""

import typer

from cli.options import Json

app = typer.Typer()


@app.command()
def report(json: Json = False) -> None:
    """Try to break into a platform of its own, in every way that is known.

    Starts the platform with temporary state, and deletes it afterwards. Exit code 1 if something
    did not hold.
    """
    from tests.campaigns.security.campaign import run

    run(json)


@app.callback()
def _group() -> None:
    """Keeps `report` a command of its own, although it is the only one."""
