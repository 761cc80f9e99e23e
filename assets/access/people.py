"""People: login roles that are each in one team and start sessions with the team's settings.

A person has the rights of the team but cannot become it, so that the audit log names the person.
Passwords are generated here, shown once, and sent to the server only as SCRAM verifiers.
"""

import re
import secrets
from dataclasses import dataclass

import psycopg
from psycopg import sql

from assets.access.catalog import read_catalog
from assets.access.expected import people_defaults
from assets.access.facts import fill, grant_statement
from assets.access.policy import Policy
from assets.errors import AccessError
from assets.resources.warehouse import Connection, Warehouse, read_value, read_values

_NAME = re.compile(r"[a-z][a-z0-9_.-]{0,30}")
_RESERVED = re.compile(r"pg_.*|darkroom_.*|public|none")
_END_SESSIONS = "select pg_terminate_backend(pid, 10000) from pg_stat_activity where usename = %s"
_OWNED = """
    select count(*)
    from pg_shdepend
    where
        refclassid = 'pg_authid'::regclass and deptype = 'o'
        and refobjid = (select oid from pg_roles where rolname = %s)
"""


@dataclass(frozen=True)
class Person:
    """A login role of a person, its team, and its number of open sessions."""

    name: str
    team: str
    sessions: int


def find_team(policy: Policy, name: str) -> str:
    """Returns the name of the team given as `sales` or `TEAM_SALES`. Raises `AccessError`."""
    wanted = f"TEAM_{name.upper().removeprefix('TEAM_')}"
    if wanted not in policy.teams:
        known = ", ".join(team.removeprefix("TEAM_").lower() for team in policy.teams)
        raise AccessError(f"There is no team “{name}”; choose one of {known}.")
    return wanted


def list_people(conninfo: str, policy: Policy) -> list[Person]:
    """Returns everybody who is in a team, by name; a person in two teams appears twice."""
    with Warehouse(conninfo).connect() as connection:
        people = read_catalog(connection, policy).people
        sessions = read_values(connection, "select usename::text from pg_stat_activity")
    return [
        Person(name, team, sessions.count(name))
        for name, teams in sorted(people.items())
        for team in teams
    ]


def create_person(conninfo: str, policy: Policy, name: str, team: str) -> str:
    """Creates a login role for a person in a team, and returns the generated password.

    Raises `AccessError` when the name is invalid or taken.
    """
    if not _NAME.fullmatch(name) or _RESERVED.fullmatch(name):
        raise AccessError(
            f"“{name}” is not a valid name for a person: use at most 31 lower-case letters, "
            "digits, “_”, “.” and “-”, begin with a letter, and not with pg_ or darkroom_."
        )
    with Warehouse(conninfo).connect() as connection:
        _refuse_taken_name(connection, policy, name)
        connection.execute(fill("create role {} login", name))
        return _grant_team_defaults(connection, policy, name, team)


def reset_person(conninfo: str, policy: Policy, name: str) -> str:
    """Sets and returns a new password, and grants the team's defaults again.

    Raises `AccessError` when there is no such person.
    """
    with Warehouse(conninfo).connect() as connection:
        return _grant_team_defaults(connection, policy, name, _teams(connection, policy, name)[0])


def remove_person(conninfo: str, policy: Policy, name: str) -> None:
    """Ends a person's sessions and drops the role with all its privileges.

    Raises `AccessError` when the role is not a person, owns objects, or has privileges that only a
    superuser can revoke.
    """
    with Warehouse(conninfo).connect() as connection:
        _teams(connection, policy, name)
        if owned := read_value(connection, _OWNED, [name]):
            raise AccessError(
                f"{name} owns {owned} object{'s' if owned > 1 else ''}, which would be dropped; "
                "reassign them to another role first (REASSIGN OWNED BY)."
            )
        drop_login(connection, name)


def drop_login(connection: Connection, name: str) -> None:
    """Disables a login role, ends its sessions and drops it; errors as `remove_person`."""
    connection.execute(fill("alter role {} connection limit 0 password null", name))
    connection.commit()  # nobody can log in from here on, whatever fails below
    connection.execute(fill("grant {} to current_user with inherit true", name))
    connection.execute(_END_SESSIONS, [name])
    try:
        connection.execute(fill("drop owned by {}", name))
        connection.execute(fill("drop role {}", name))
    except psycopg.errors.DependentObjectsStillExist as error:
        raise AccessError(
            f"{name} can no longer log in, but has privileges that only a superuser can revoke "
            f"({error.diag.message_detail}); run DROP OWNED BY as one, then remove {name} again."
        ) from error


def _teams(connection: Connection, policy: Policy, name: str) -> tuple[str, ...]:
    teams = read_catalog(connection, policy).people.get(name)
    if not teams:
        raise AccessError(
            f"“{name}” is not a person, that is, a login role in a team; "
            "`darkroom people list` shows all."
        )
    return teams


def _refuse_taken_name(connection: Connection, policy: Policy, name: str) -> None:
    if teams := read_catalog(connection, policy).people.get(name):
        raise AccessError(
            f"{name} is in {teams[0]} already; `darkroom people password {name}` sets a new "
            f"password, `darkroom people remove {name}` removes the person."
        )
    if read_values(connection, "select rolname from pg_roles where rolname = %s", [name]):
        raise AccessError(f"There is a role “{name}” that is not a person; choose another name.")


def _grant_team_defaults(connection: Connection, policy: Policy, name: str, team: str) -> str:
    connection.execute(fill("grant {} to {} with inherit true, set false", team, name))
    for statement in filter(None, map(grant_statement, people_defaults(policy, name, team))):
        connection.execute(statement)
    return generate_password(connection, name)


def generate_password(connection: Connection, name: str) -> str:
    """Sets and returns a random password."""
    password = secrets.token_urlsafe(18)
    set_password(connection, name, password)
    return password


def set_password(connection: Connection, name: str, password: str) -> None:
    """Sets the password of a role; only its SCRAM verifier is sent, so no server log has it."""
    words = password.encode(), name.encode()
    verifier = connection.pgconn.encrypt_password(*words, b"scram-sha-256")
    connection.execute(fill("alter role {} password {}", name, sql.Literal(verifier.decode())))
