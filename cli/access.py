"""The commands behind `make access`, `access-drift`, `access-report` and `user…`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import ClassVar

import click
from psycopg.conninfo import conninfo_to_dict
from rich.markup import escape
from rich.table import Table

from assets.access.apply import apply as apply_policy
from assets.access.document import DOCUMENT, write_document
from assets.access.drift import Drift, read_drift
from assets.access.people import (
    create_person,
    find_team,
    list_people,
    remove_person,
    reset_person,
)
from assets.access.policy import PolicyError, load_policy
from assets.access.report.report import make_report
from assets.errors import AccessError, ServerError, StackError
from assets.resources.warehouse import Warehouse
from cli.access_matrix import print_report
from cli.database import running_database
from infra.console import CommandGroup, console, say
from infra.local.stack import Stack

_ADMIN = "DATABASE_ADMIN_URL"


class AccessGroup(CommandGroup):
    """Says errors about access, and about the servers beneath, as one sentence."""

    mendable: ClassVar = (StackError, AccessError, PolicyError, ServerError)


@click.group(cls=AccessGroup)
def main() -> None:
    """Who may do what in the warehouse, as infra/postgres/access.yaml says."""


@main.command()
@click.option("--revoke", is_flag=True, help="Revoke what the file does not say as well.")
def apply(revoke: bool) -> None:
    """Grant what the access file says and is not granted yet."""
    policy = load_policy()
    with running_database(Stack.of_project(say)) as env:
        applied = apply_policy(env[_ADMIN], policy, revoke)
    _print_list("[green]+[/]", applied.given)
    _print_list("[yellow]-[/]", applied.taken)
    _print_drift(applied.left)
    if not applied.has_changed and not applied.left.differences:
        console.print("Everything is as the access file says; nothing was changed.")
    if applied.left.extra and not revoke:
        console.print("What is too much stays until you ask: `make access REVOKE=1`.")
    if applied.left.missing or (revoke and applied.left.extra):
        raise AccessError(
            "What is left above the administration role may not change, or somebody has to decide."
        )


@main.command()
def drift() -> None:
    """Show where the warehouse and the access file differ; exit code 1 if they do."""
    policy = load_policy()
    with (
        running_database(Stack.of_project(say)) as env,
        Warehouse(env[_ADMIN]).connect() as connection,
    ):
        found = read_drift(connection, policy)
    _print_drift(found)
    if found.differences:
        sys.exit(1)
    console.print(f"All {found.agreed} facts are as the access file says.")


@main.command()
def report() -> None:
    """Connect as each kind of person and try everything; exit code 1 if the file is not kept."""
    policy = load_policy()
    with running_database(Stack.of_project(say)) as env:
        made = make_report(env, policy)
    print_report(console, made)
    if made.mismatches:
        sys.exit(1)


@main.command()
def document() -> None:
    """Write docs/access.md."""
    changed = write_document(load_policy())
    console.print(f"{DOCUMENT} is {'written' if changed else 'current already'}.")


@main.command("user-add")
@click.argument("name")
@click.option("--team", required=True, help="logistics, analytics or sales")
def user_add(name: str, team: str) -> None:
    """Admit a person to a team and show the password, once."""
    policy = load_policy()
    group = find_team(policy, team)
    with running_database(Stack.of_project(say)) as env:
        password = create_person(env[_ADMIN], policy, name, group)
        _print_login(env[_ADMIN], name, password, f"{name} is in {group}.")


@main.command("user-password")
@click.argument("name")
def user_password(name: str) -> None:
    """Give a person a new password and show it, once."""
    policy = load_policy()
    with running_database(Stack.of_project(say)) as env:
        password = reset_person(env[_ADMIN], policy, name)
        _print_login(env[_ADMIN], name, password, f"{name} has a new password.")


@main.command("user-remove")
@click.argument("name")
def user_remove(name: str) -> None:
    """End a person's sessions and take them out."""
    policy = load_policy()
    with running_database(Stack.of_project(say)) as env:
        remove_person(env[_ADMIN], policy, name)
    console.print(f"{name} is out, sessions and all; what {name} did stays in the audit log.")


@main.command()
def users() -> None:
    """List the people, their teams and their sessions."""
    policy = load_policy()
    with running_database(Stack.of_project(say)) as env:
        people = list_people(env[_ADMIN], policy)
    if not people:
        console.print("There is nobody yet: `make user NAME=anna TEAM=sales` admits the first.")
        return
    table = Table("name", "team", "sessions")
    for person in people:
        table.add_row(person.name, person.team, str(person.sessions))
    console.print(table)


def _print_drift(found: Drift) -> None:
    _print_list("[red]![/]", found.differences)
    if found.not_built:
        console.print(f"Not built yet: {', '.join(found.not_built)}.")


def _print_list(sign: str, what: Iterable[object]) -> None:
    for one in what:
        console.print(f"{sign} {escape(str(one))}", soft_wrap=True)


def _print_login(conninfo: str, name: str, password: str, sentence: str) -> None:
    parts = conninfo_to_dict(conninfo)
    console.print(f"{sentence} The password is shown this once: [bold]{password}[/]")
    console.print(
        f"psql -h {parts['host']} -p {parts.get('port', 5432)} -U {name} {parts['dbname']}"
    )


if __name__ == "__main__":
    main(prog_name="python -m cli.access")
