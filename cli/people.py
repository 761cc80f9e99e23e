"""`darkroom people`: who may log in to the warehouse."""

from typing import Annotated

import typer
from psycopg.conninfo import conninfo_to_dict

from assets.access.people import create_person, find_team, list_people, remove_person, reset_person
from assets.access.policy import load_policy
from cli.options import Json, Yes, parsed
from cli.servers import ADMIN, running_database
from infra.console import console, counted, print_json, print_table

app = typer.Typer()

Name = Annotated[str, typer.Argument(metavar="NAME", help="The person's login name.")]


@app.command()
def add(
    name: Name,
    team: Annotated[str, typer.Option(help="logistics, analytics or sales")],
    json: Json = False,
) -> None:
    """Add a person to a team and show the password, once."""
    policy = load_policy()
    group = parsed("--team", lambda text: find_team(policy, text), team)
    with running_database() as env:
        password = create_person(env[ADMIN], policy, name, group)
        _print_login(env[ADMIN], name, password, f"{name} is in {group}.", json)


@app.command()
def password(name: Name, json: Json = False) -> None:
    """Give a person a new password and show it, once."""
    policy = load_policy()
    with running_database() as env:
        new = reset_person(env[ADMIN], policy, name)
        _print_login(env[ADMIN], name, new, f"{name} has a new password.", json)


@app.command()
def remove(name: Name, yes: Yes = False) -> None:
    """End a person's sessions and remove the login."""
    policy = load_policy()
    with running_database() as env:
        sessions = [one.sessions for one in list_people(env[ADMIN], policy) if one.name == name]
        if sessions and not yes:
            count = counted(sum(sessions), "session")
            typer.confirm(f"Remove {name}, who has {count}?", abort=True)
        remove_person(env[ADMIN], policy, name)
    console.print(f"{name} is removed; what {name} did stays in the audit log.")


@app.command("list")
def list_all(json: Json = False) -> None:
    """List the people, their teams and how many sessions they have."""
    policy = load_policy()
    with running_database() as env:
        people = list_people(env[ADMIN], policy)
    if json:
        print_json(people)
    elif people:
        print_table([vars(person) for person in people])
    else:
        console.print("There is nobody yet: `darkroom people add NAME --team sales` adds somebody.")


def _print_login(conninfo: str, name: str, password: str, sentence: str, json: bool) -> None:
    server = conninfo_to_dict(conninfo)
    host, port, database = server["host"], server.get("port", 5432), server["dbname"]
    if json:
        print_json({"name": name, "password": password, "host": host, "port": int(str(port))})
        return
    console.print(f"{sentence} The password is shown this once: [bold]{password}[/]")
    console.print(f"psql -h {host} -p {port} -U {name} {database}", soft_wrap=True)
