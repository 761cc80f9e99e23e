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
UPLOADER = "darkroom_uploader"
BUILDER = "darkroom_builder"
DAGSTER = "darkroom_dagster"
AUDITOR = "darkroom_auditor"
PROGRAMS = (ADMIN, LOADER, UPLOADER, BUILDER, DAGSTER)
TEAMS = ("TEAM_LOGISTICS", "TEAM_ANALYTICS", "TEAM_SALES")

_DATABASE_OWNERS = {WAREHOUSE: ADMIN, DAGSTER_STORAGE: DAGSTER}
_SCHEMA_OWNERS = {
    "migration": ADMIN,
    "ASSESSMENT": ADMIN,
    "change_queue": ADMIN,
    "image_catalog": ADMIN,
    "retention": ADMIN,
    "staging": BUILDER,
    "analytics": BUILDER,
}
_NOTHING_BY_DEFAULT = "alter default privileges for role {} revoke execute on functions from public"
# PostgreSQL lets everybody who connects keep large objects, whatever they were granted.
_NO_LARGE_OBJECTS = (
    "revoke execute on function lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea) "
    "from public"
)
_SEAL = (
    "alter schema {schema} owner to {auditor}",
    "grant usage, create on schema {schema} to {admin} with grant option",
    "alter table {log} owner to {auditor}",
    "alter function {writer} owner to {auditor}",
    "alter function {refusal} owner to {auditor}",
    "grant select on {log} to {admin}",
    "grant execute on function {writer}, {refusal} to {admin}",
)


def bootstrap(superuser_conninfo: str, passwords: Mapping[str, str]) -> None:
    """Makes roles, databases and schemas that are missing and sets the programs' passwords.

    Args:
        superuser_conninfo: A superuser's connection to any database of the server.
        passwords: Role name to password, for each of the program roles that log in.
    """
    with psycopg.connect(superuser_conninfo, autocommit=True) as server:
        for role, password in passwords.items():
            _create_login_role(server, role, password)
        _create_role(server, AUDITOR)
        for team in TEAMS:
            _create_role(server, team)
            server.execute(_sql("grant {} to {} with admin option", team, ADMIN))
        server.execute(_sql("grant {} to {} with admin option", BUILDER, ADMIN))
        for database, owner in _DATABASE_OWNERS.items():
            _create_database(server, database, owner)
    warehouse = make_conninfo(superuser_conninfo, dbname=WAREHOUSE)
    with psycopg.connect(warehouse, autocommit=True) as connection:
        for schema, owner in _SCHEMA_OWNERS.items():
            connection.execute(
                _sql("create schema if not exists {} authorization {}", schema, owner)
            )
        connection.execute(_sql("revoke all on schema public from public"))
        connection.execute(_NO_LARGE_OBJECTS)
        for role in (ADMIN, BUILDER, AUDITOR):
            connection.execute(_sql(_NOTHING_BY_DEFAULT, role))


def seal_audit_log(superuser_conninfo: str, database: str = WAREHOUSE) -> None:
    """Hands the audit log to a role that nobody can become, once the migrations have made it.

    After that not even the administration role, which owns all else, can change, delete or drop it:
    the owner of a schema could, so the schema goes with it.

    Args:
        superuser_conninfo: A superuser's connection to any database of the server.
        database: Name of the warehouse.
    """
    conninfo = make_conninfo(superuser_conninfo, dbname=database)
    names = {
        "log": sql.Identifier("ASSESSMENT", "TB_AUDIT_LOG"),
        "writer": sql.Identifier("ASSESSMENT", "write_audit"),
        "refusal": sql.Identifier("ASSESSMENT", "refuse"),
        "schema": sql.Identifier("ASSESSMENT"),
        "auditor": sql.Identifier(AUDITOR),
        "admin": sql.Identifier(ADMIN),
    }
    with psycopg.connect(conninfo) as connection:
        for statement in _SEAL:
            connection.execute(sql.SQL(statement).format(**names))


def _sql(template: str, *names: str) -> sql.Composed:
    return sql.SQL(template).format(*map(sql.Identifier, names))


def _role_exists(server: psycopg.Connection, role: str) -> bool:
    found = server.execute("select 1 from pg_roles where rolname = %s", [role])
    return found.fetchone() is not None


def _create_role(server: psycopg.Connection, role: str) -> None:
    if not _role_exists(server, role):
        server.execute(_sql("create role {} nologin", role))


def _create_login_role(server: psycopg.Connection, role: str, password: str) -> None:
    _create_role(server, role)
    server.execute(_sql("alter role {} login", role))
    if role == ADMIN:
        server.execute(_sql("alter role {} createrole", role))
    _set_password(server, role, password)


def _set_password(server: psycopg.Connection, role: str, password: str) -> None:
    """Sends only the SCRAM verifier, so that no password reaches a server log."""
    verifier = server.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
    server.execute(_sql("alter role {} password ", role) + sql.Literal(verifier.decode()))


def _create_database(server: psycopg.Connection, database: str, owner: str) -> None:
    found = server.execute("select 1 from pg_database where datname = %s", [database])
    if found.fetchone() is None:
        server.execute(_sql("create database {} owner {}", database, owner))
    close_database(server, database)


def close_database(server: psycopg.Connection, database: str) -> None:
    """Takes from PUBLIC what PostgreSQL gives it on every new database: to connect, for one."""
    server.execute(_sql("revoke all on database {} from public", database))
