"""`darkroom access`: the grants of the access file, and those of the warehouse."""

from typing import Annotated

import typer

from assets.access.document import DOCUMENT, write_document
from assets.access.drift import Drift, read_drift
from assets.access.drift import apply as apply_policy
from assets.access.policy import load_policy
from assets.access.report import make_report
from assets.errors import AccessError
from assets.resources.warehouse import Warehouse
from cli.access_matrix import print_report
from cli.options import Json, Yes
from cli.servers import ADMIN, running_database, warehouse_connection
from infra.console import console, print_json, print_sentences

app = typer.Typer()

_ATTEMPT = ("section", "on", "column", "action", "is_allowed")


@app.command()
def apply(
    revoke: Annotated[
        bool, typer.Option("--revoke", help="Also revoke what the file does not give.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Grant what infra/postgres/access.yaml gives; exit code 1 if something is left."""
    policy = load_policy()
    with running_database() as env:
        if revoke and not yes:
            with Warehouse(env[ADMIN]).connect() as connection:
                extra = read_drift(connection, policy).extra
            print_sentences("[yellow]-[/]", map("Not in the access file: {}.".format, extra))
            if extra:
                typer.confirm("Revoke all of this?", abort=True)
        applied = apply_policy(env[ADMIN], policy, revoke)
    print_sentences("[green]+[/]", applied.granted)
    print_sentences("[yellow]-[/]", applied.revoked)
    _print_drift(applied.left)
    if not (applied.granted or applied.revoked or applied.left.differences):
        console.print("Everything is as the access file says; nothing was changed.")
    if applied.left.extra and not revoke:
        console.print("What is too much stays until `darkroom access apply --revoke`.")
    if applied.left.missing or (revoke and applied.left.extra):
        raise AccessError(
            "What is left above the administration role may not change, or somebody has to decide."
        )


@app.command()
def diff(json: Json = False) -> None:
    """Show where the warehouse and the access file differ; exit code 1 if they do."""
    policy = load_policy()
    with warehouse_connection(ADMIN) as connection:
        found = read_drift(connection, policy)
    if json:
        print_json(
            {
                "missing": list(map(str, found.missing)),
                "extra": list(map(str, found.extra)),
                "agreed": found.agreed,
                "not_built": found.not_built,
            }
        )
    else:
        _print_drift(found)
        if not found.differences:
            console.print(f"All {found.agreed:,} facts are as the access file says.")
    if found.differences:
        raise typer.Exit(1)


@app.command()
def report(json: Json = False) -> None:
    """Connect as each kind of person and try everything; exit code 1 at any mismatch."""
    policy = load_policy()
    with running_database() as env:
        made = make_report(env, policy)
    if json:
        print_json(
            {
                "attempts": len(made.results),
                "mismatches": [str(one) for one in made.mismatches],
                "results": [
                    {"subject": one.subject, "outcome": one.outcome}
                    | {name: getattr(one.attempt, name) for name in _ATTEMPT}
                    for one in made.results
                ],
            }
        )
    else:
        print_report(console, made)
    if made.mismatches:
        raise typer.Exit(1)


@app.command()
def document() -> None:
    """Write docs/access.md from the access file."""
    changed = write_document(load_policy())
    console.print(f"{DOCUMENT} {'is written' if changed else 'was up to date'}.", soft_wrap=True)


def _print_drift(found: Drift) -> None:
    print_sentences("[red]![/]", found.differences)
    if found.not_built:
        console.print(f"Not built yet: {', '.join(found.not_built)}.")
