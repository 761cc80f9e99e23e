"""Roles, databases and schemas: the part of the DDL that needs a superuser, applied idempotently.

Everything after it, migrations included, runs as one of the roles made here.
"""

from __future__ import annotations

from collections.abc import Mapping

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

WAREHOUSE = "darkroom"
DAGSTER_STORAGE = "darkroom_dagster"

ADMIN = "darkroom_admin"
LOADER = "darkroom_loader"
BUILDER = "darkroom_builder"
DAGSTER = "darkroom_dagster"
TEAMS = ("TEAM_LOGISTICS", "TEAM_ANALYTICS", "TEAM_SALES")

_DATABASE_OWNERS = {WAREHOUSE: ADMIN, DAGSTER_STORAGE: DAGSTER}
_SCHEMA_OWNERS = {
    "migration": ADMIN,
    "ASSESSMENT": ADMIN,
    "image_catalog": ADMIN,
    "retention": ADMIN,
    "staging": BUILDER,
    "analytics": BUILDER,
}


def bootstrap(superuser_conninfo: str, passwords: Mapping[str, str]) -> None:
    """Makes roles, databases and schemas that are missing and sets the programs' passwords.

    Args:
        superuser_conninfo: A superuser's connection to any database of the server.
        passwords: Role name to password, for each of the four program roles.
    """
    with psycopg.connect(superuser_conninfo, autocommit=True) as server:
        for role, password in passwords.items():
            _make_login_role(server, role, password)
        for team in TEAMS:
            _make_role(server, team)
            server.execute(_sql("grant {} to {} with admin option", team, ADMIN))
        for database, owner in _DATABASE_OWNERS.items():
            _make_database(server, database, owner)
        for role in (LOADER, BUILDER, *TEAMS):
            server.execute(_sql("grant connect on database {} to {}", WAREHOUSE, role))
        for role in (LOADER, BUILDER):
            server.execute(_sql("grant temporary on database {} to {}", WAREHOUSE, role))
    warehouse = make_conninfo(superuser_conninfo, dbname=WAREHOUSE)
    with psycopg.connect(warehouse, autocommit=True) as connection:
        for schema, owner in _SCHEMA_OWNERS.items():
            connection.execute(
                _sql("create schema if not exists {} authorization {}", schema, owner)
            )
        connection.execute(_sql("grant usage on schema analytics to {}", "TEAM_ANALYTICS"))


def make_person(
    conninfo: str, name: str, team: str, password: str, settings: Mapping[str, str]
) -> None:
    """Makes a login role for a person in a team, or gives an existing one a new password.

    Args:
        conninfo: Connection of the administration role.
        name: Login name.
        team: One of `TEAMS`.
        password: The new password.
        settings: Session defaults of the person, such as a statement time-out.
    """
    with psycopg.connect(conninfo, autocommit=True) as server:
        if not _role_exists(server, name):
            server.execute(_sql("create role {} login connection limit 10", name))
            server.execute(_sql("grant {} to {}", team, name))
        _set_password(server, name, password)
        for setting, value in settings.items():
            server.execute(_sql("alter role {} set {} = ", name, setting) + sql.Literal(value))


def _sql(template: str, *names: str) -> sql.Composed:
    return sql.SQL(template).format(*map(sql.Identifier, names))


def _role_exists(server: psycopg.Connection, role: str) -> bool:
    found = server.execute("select 1 from pg_roles where rolname = %s", [role])
    return found.fetchone() is not None


def _make_role(server: psycopg.Connection, role: str) -> None:
    if not _role_exists(server, role):
        server.execute(_sql("create role {} nologin", role))


def _make_login_role(server: psycopg.Connection, role: str, password: str) -> None:
    _make_role(server, role)
    server.execute(_sql("alter role {} login", role))
    if role == ADMIN:
        server.execute(_sql("alter role {} createrole", role))
    _set_password(server, role, password)


def _set_password(server: psycopg.Connection, role: str, password: str) -> None:
    """Sends only the SCRAM verifier, so that no password reaches a server log."""
    verifier = server.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
    server.execute(_sql("alter role {} password ", role) + sql.Literal(verifier.decode()))


def _make_database(server: psycopg.Connection, database: str, owner: str) -> None:
    found = server.execute("select 1 from pg_database where datname = %s", [database])
    if found.fetchone() is None:
        server.execute(_sql("create database {} owner {}", database, owner))
    server.execute(_sql("revoke all on database {} from public", database))
