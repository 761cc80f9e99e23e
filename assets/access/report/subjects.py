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

from assets.access.people import administration, create_person, drop_login, generate_password
from assets.access.policy import Policy
from assets.errors import AccessError
from assets.resources.warehouse import read_value, read_values

NO_TEAM = "no team"
_PREFIX = "report_"
_LEFT_OVER = """
    select rolname::text
    from pg_roles
    where rolname like 'report\\_%' and rolvaliduntil < now()
"""


@dataclass(frozen=True)
class Subject:
    """A login role that attempts are made with.

    Args:
        role: The team or program role of the access file; without a team, its own name.
    """

    title: str
    role: str
    conninfo: str = field(repr=False)


@contextmanager
def subjects(environment: Mapping[str, str], policy: Policy) -> Iterator[list[Subject]]:
    """Creates the people of the report, and removes them after the block.

    Raises `AccessError` when the administration role may not create people, or a program role is
    not in the file, and `ServerUnavailableError` when the database does not answer.
    """
    admin = environment["DATABASE_ADMIN_URL"]
    _remove_left_over(admin)
    programs = _programs(environment, policy)
    with ExitStack() as stack:
        people = [stack.enter_context(_person(admin, policy, team)) for team in policy.teams]
        without_team = stack.enter_context(_person_without_team(admin))
        yield [*people, without_team, *programs]


def _programs(environment: Mapping[str, str], policy: Policy) -> list[Subject]:
    loader = environment["DATABASE_URL"]
    builder = make_conninfo(
        loader, user=environment["DBT_USER"], password=environment["DBT_ENV_SECRET_PASSWORD"]
    )
    roles = [str(conninfo_to_dict(one)["user"]) for one in (loader, builder)]
    for role in roles:
        if role not in policy.programs:
            raise AccessError(
                f"DATABASE_URL and DBT_USER must be roles of programs in the access file; {role} "
                "is not."
            )
    return [
        Subject(_short(role), role, conninfo)
        for role, conninfo in zip(roles, (loader, builder), strict=True)
    ]


@contextmanager
def _person(admin: str, policy: Policy, team: str) -> Iterator[Subject]:
    name = _name(_short(team))
    password = create_person(admin, policy, name, team)
    with _temporary_person(admin, name):
        conninfo = make_conninfo(admin, user=name, password=password)
        yield Subject(_short(team), team, conninfo)


@contextmanager
def _person_without_team(admin: str) -> Iterator[Subject]:
    name = _name("nobody")
    with administration(admin) as connection:
        connection.execute(sql.SQL("create role {} login").format(sql.Identifier(name)))
        password = generate_password(connection, name)
    with _temporary_person(admin, name):
        yield Subject(NO_TEAM, name, make_conninfo(admin, user=name, password=password))


@contextmanager
def _temporary_person(admin: str, name: str) -> Iterator[None]:
    try:
        with administration(admin) as connection:
            expiry = "alter role {} valid until {}"
            soon = read_value(connection, "select (now() + interval '1 hour')::text")
            connection.execute(sql.SQL(expiry).format(sql.Identifier(name), sql.Literal(soon)))
        yield
    finally:
        with administration(admin) as connection:
            drop_login(connection, name)


def _remove_left_over(admin: str) -> None:
    with administration(admin) as connection:
        names = read_values(connection, _LEFT_OVER)
    for name in names:
        with administration(admin) as connection:
            drop_login(connection, name)


def _short(role: str) -> str:
    return role.removeprefix("TEAM_").removeprefix("darkroom_").lower()


def _name(of: str) -> str:
    return f"{_PREFIX}{of}_{secrets.token_hex(3)}"
