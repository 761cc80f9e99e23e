"""As whom the report connects: a person of each team, one without a team, and program roles.

The people are created for the report and removed after it. If the report is killed, their passwords
expire within the hour, and the next report removes them.
"""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from assets.access.facts import fill
from assets.access.people import create_person, drop_login, generate_password
from assets.access.policy import Policy
from assets.errors import AccessError
from assets.resources.warehouse import Warehouse, read_value, read_values

_LEFT_OVER = """
    select rolname::text
    from pg_roles
    where rolname like 'report\\_%' and rolvaliduntil < now()
"""


@dataclass(frozen=True)
class Subject:
    """A login role that makes attempts; `role` is its team or program, or else itself."""

    title: str
    role: str
    conninfo: str = field(repr=False)


@contextmanager
def subjects(environment: Mapping[str, str], policy: Policy) -> Iterator[list[Subject]]:
    """Creates the people of the report, and removes them after the block.

    Raises `AccessError` when a program role is not in the file, and `ServerError` when the database
    does not answer, or the administration role may not create people.
    """
    admin = environment["DATABASE_ADMIN_URL"]
    with Warehouse(admin).connect() as connection:
        left_over = read_values(connection, _LEFT_OVER)
    for name in left_over:
        with Warehouse(admin).connect() as connection:
            drop_login(connection, name)
    programs = list(_programs(environment, policy))
    with ExitStack() as stack:
        teams = (*policy.teams, None)
        people = [stack.enter_context(_person(admin, policy, team)) for team in teams]
        yield [*people, *programs]


def _programs(environment: Mapping[str, str], policy: Policy) -> Iterator[Subject]:
    loader = environment["DATABASE_URL"]
    builder = make_conninfo(
        loader, user=environment["DBT_USER"], password=environment["DBT_ENV_SECRET_PASSWORD"]
    )
    for conninfo in (loader, environment["DATABASE_UPLOADER_URL"], builder):
        role = str(conninfo_to_dict(conninfo)["user"])
        if role not in policy.programs:
            raise AccessError(
                "DATABASE_URL, DATABASE_UPLOADER_URL and DBT_USER must be roles of programs in the "
                f"access file; {role} is not."
            )
        yield Subject(role.removeprefix("darkroom_"), role, conninfo)


@contextmanager
def _person(admin: str, policy: Policy, team: str | None) -> Iterator[Subject]:
    """Creates a person of a team, or without one, and drops the login after the block."""
    title = team.removeprefix("TEAM_").lower() if team else "no team"
    name = f"report_{title if team else 'nobody'}_{secrets.token_hex(3)}"
    if team:
        password = create_person(admin, policy, name, team)
    else:
        with Warehouse(admin).connect() as connection:
            connection.execute(fill("create role {} login", name))
            password = generate_password(connection, name)
    try:
        with Warehouse(admin).connect() as connection:
            soon = read_value(connection, "select (now() + interval '1 hour')::text")
            connection.execute(fill("alter role {} valid until {}", name, sql.Literal(soon)))
        yield Subject(title, team or name, make_conninfo(admin, user=name, password=password))
    finally:
        with Warehouse(admin).connect() as connection:
            drop_login(connection, name)
