"""`darkroom security`: attempts to break into the platform, and what it is made of."""

from pathlib import Path
from typing import Annotated

import typer

from assets.errors import DarkroomError
from assets.settings import BucketSettings
from cli.options import Json
from infra.console import FAILED, OK, console, counted, print_json, print_table
from infra.object_store.programs import iam_policies
from infra.supply_chain import UNKNOWN, bill_of_materials, by_licence, installed_packages

app = typer.Typer()


@app.command()
def report(json: Json = False) -> None:
    """Try to break into a platform of its own, in every way that is known.

    Starts the platform with temporary state, and deletes it afterwards. Exit code 1 if something
    did not hold.
    """
    from tests.campaigns.security.campaign import run

    run(json)


@app.command()
def policies() -> None:
    """Print what each program may do in the object store: IAM policies for roles, as JSON."""
    print_json(iam_policies(BucketSettings()))


@app.command()
def sbom(
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it here; left out: print it.")
    ] = None,
) -> None:
    """Make the bill of materials of what is installed: CycloneDX as JSON."""
    bill = bill_of_materials(installed_packages())
    if output is None:
        console.out(bill, highlight=False)
        return
    try:
        output.write_text(bill)
    except OSError as error:
        raise DarkroomError(f"{output} cannot be written: {error.strerror}.") from error
    console.print(f"{output} is written.", soft_wrap=True)


@app.command()
def licences(json: Json = False) -> None:
    """List the licences of all installed packages; exit code 1 if one is unknown."""
    packages = installed_packages()
    found = {
        licence: [f"{one.name} {one.version}" for one in those]
        for licence, those in by_licence(packages).items()
    }
    if json:
        print_json(found)
    else:
        print_table(
            [{"licence": one, "packages": ", ".join(those)} for one, those in found.items()]
        )
        count = counted(len(packages), "package")
        unknown = len(found.get(UNKNOWN, []))
        verdict = f"{unknown} without a known licence" if unknown else "each with a known licence"
        console.print(f"{FAILED if unknown else OK} {count}, {verdict}")
    if UNKNOWN in found:
        raise typer.Exit(1)
