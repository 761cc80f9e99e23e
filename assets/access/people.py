"""People: login roles of their own, each in one team, with what the access file gives its people.

A person has a team's rights without being able to become the team, so that the audit log always
names the person. Passwords are made here, shown once, and reach the server as SCRAM verifiers only.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import sql

from assets.access.catalog import read_catalog
from assets.access.facts import ConnectionLimit, Fact, Setting
from assets.access.policy import Policy
from assets.access.statements import grant_statement
from assets.errors import AccessError
from assets.resources.warehouse import Connection, Warehouse

_NAME = re.compile(r"[a-z][a-z0-9_.-]{0,30}")
_RESERVED = re.compile(r"pg_.*|darkroom_.*|public|none")
_SESSIONS = "from pg_stat_activity where usename = %s"
_OWNED = """
    select count(*)
    from pg_shdepend
    where
        refclassid = 'pg_authid'::regclass and deptype = 'o'
        and refobjid = (select oid from pg_roles where rolname = %s)
"""


@dataclass(frozen=True)
class Person:
    """Somebody who can log in, the team they are in, and how many sessions they have."""

    name: str
    team: str
    sessions: int


@contextmanager
def administration(conninfo: str) -> Iterator[Connection]:
    """Opens a connection of the administration role; its refusals become an `AccessError`."""
    with Warehouse(conninfo).connect() as connection:
        try:
            yield connection
        except psycopg.errors.InsufficientPrivilege as error:
            raise AccessError(
                f"PostgreSQL refuses: {error.diag.message_primary}; a superuser can do it."
            ) from error


def find_team(policy: Policy, name: str) -> str:
    """Returns the team that somebody means by `sales` or `TEAM_SALES`.

    Raises `AccessError` when there is none.
    """
    wanted = f"TEAM_{name.upper().removeprefix('TEAM_')}"
    if wanted not in policy.teams:
        known = ", ".join(team.removeprefix("TEAM_").lower() for team in policy.teams)
        raise AccessError(f"There is no team “{name}”; choose one of {known}.")
    return wanted


def list_people(conninfo: str, policy: Policy) -> list[Person]:
    """Returns everybody who is in a team, by name; whoever is in two appears in both."""
    with Warehouse(conninfo).connect() as connection:
        people = read_catalog(connection, policy).people
        return [
            Person(name, team, _sessions(connection, name))
            for name, teams in sorted(people.items())
            for team in teams
        ]


def create_person(conninfo: str, policy: Policy, name: str, team: str) -> str:
    """Makes a login role for a person in a team.

    Args:
        conninfo: The administration role's connection.
        policy: What people of the team begin with.
        name: Login name.
        team: One of the policy's teams.

    Returns:
        The generated password.

    Raises:
        AccessError: The name is not a possible one, or taken.
    """
    if not _NAME.fullmatch(name) or _RESERVED.fullmatch(name):
        raise AccessError(
            f"“{name}” cannot be a person's name: begin with a small letter, go on with small "
            "letters, digits, “_”, “.” or “-”, 31 at most, and not with pg_ or darkroom_."
        )
    with administration(conninfo) as connection:
        _refuse_taken_name(connection, policy, name)
        connection.execute(_sql("create role {} login", name))
        return _grant_team_defaults(connection, policy, name, team)


def reset_person(conninfo: str, policy: Policy, name: str) -> str:
    """Gives a person a new password, and anew what the file gives the people of the team.

    Raises `AccessError` when there is no such person.
    """
    with administration(conninfo) as connection:
        return _grant_team_defaults(connection, policy, name, _teams(connection, policy, name)[0])


def remove_person(conninfo: str, policy: Policy, name: str) -> None:
    """Ends a person's sessions and drops the role with everything that was granted to it.

    Raises:
        AccessError: It is no person, owns something, or has rights that only a superuser can take.
    """
    with administration(conninfo) as connection:
        _teams(connection, policy, name)
        [(owned,)] = connection.execute(_OWNED, [name]).fetchall()
        if owned:
            raise AccessError(
                f"{name} owns {owned} object(s), which would be lost; give them to another role "
                "first (REASSIGN OWNED BY)."
            )
        drop_login(connection, name)


def drop_login(connection: Connection, name: str) -> None:
    """Locks a login role out, ends its sessions and drops it; as `remove_person`."""
    connection.execute(_sql("alter role {} connection limit 0 password null", name))
    connection.commit()  # from here on nobody logs in, whatever happens next
    connection.execute(_sql("grant {} to current_user with inherit true", name))
    connection.execute(f"select pg_terminate_backend(pid, 10000) {_SESSIONS}", [name])
    try:
        connection.execute(_sql("drop owned by {}", name))
        connection.execute(_sql("drop role {}", name))
    except psycopg.errors.DependentObjectsStillExist as error:
        raise AccessError(
            f"{name} cannot log in any more, but has rights left that only a superuser can take "
            f"({error.diag.message_detail}); after DROP OWNED BY there, remove {name} again."
        ) from error


def _teams(connection: Connection, policy: Policy, name: str) -> tuple[str, ...]:
    teams = read_catalog(connection, policy).people.get(name)
    if not teams:
        raise AccessError(
            f"“{name}” is no person: people are login roles in a team; `make users` lists them."
        )
    return teams


def _refuse_taken_name(connection: Connection, policy: Policy, name: str) -> None:
    found = connection.execute("select from pg_roles where rolname = %s", [name]).fetchone()
    if found is None:
        return
    teams = read_catalog(connection, policy).people.get(name)
    if teams:
        raise AccessError(
            f"{name} is in {teams[0]} already; `make user-password NAME={name}` gives a new "
            f"password, `make user-remove NAME={name}` takes the person out."
        )
    raise AccessError(f"There is a role “{name}” that is no person's; choose another name.")


def _grant_team_defaults(connection: Connection, policy: Policy, name: str, team: str) -> str:
    people = policy.teams[team].people
    connection.execute(_sql("grant {} to {} with inherit true, set false", team, name))
    facts: list[Fact] = [
        ConnectionLimit(name, people.connection_limit),
        *(Setting(name, setting, value) for setting, value in people.settings.items()),
    ]
    for fact in facts:
        statement = grant_statement(fact)
        if statement is not None:
            connection.execute(statement)
    return set_password(connection, name)


def set_password(connection: Connection, name: str) -> str:
    """Sets and returns a new password; only its SCRAM verifier leaves this process."""
    password = secrets.token_urlsafe(18)
    verifier = connection.pgconn.encrypt_password(
        password.encode(), name.encode(), b"scram-sha-256"
    )
    connection.execute(_sql("alter role {} password ", name) + sql.Literal(verifier.decode()))
    return password


def _sessions(connection: Connection, name: str) -> int:
    [(count,)] = connection.execute(f"select count(*) {_SESSIONS}", [name]).fetchall()
    return int(str(count))


def _sql(template: str, *names: str) -> sql.Composed:
    return sql.SQL(template).format(*map(sql.Identifier, names))
