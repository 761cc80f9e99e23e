"""Roles, databases and schemas: the DDL that needs a superuser, applied idempotently.

Everything after it, including migrations, runs as one of the roles created here.
"""

from collections.abc import Mapping

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from assets.access.people import set_password

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
# PostgreSQL lets everybody who can connect create large objects.
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
    """Creates missing roles, databases and schemas and sets the passwords of the program roles.

    Args:
        superuser_conninfo: A superuser's connection to any database of the server.
    """
    with psycopg.connect(superuser_conninfo, autocommit=True) as server:
        for role, password in passwords.items():
            _create_role(server, role)
            server.execute(_sql("alter role {} login", role))
            set_password(server, role, password)
        server.execute(_sql("alter role {} createrole", ADMIN))
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
            create = "create schema if not exists {} authorization {}"
            connection.execute(_sql(create, schema, owner))
        connection.execute(_sql("revoke all on schema public from public"))
        connection.execute(_NO_LARGE_OBJECTS)
        for role in (ADMIN, BUILDER, AUDITOR):
            connection.execute(_sql(_NOTHING_BY_DEFAULT, role))


def seal_audit_log(superuser_conninfo: str, database: str = WAREHOUSE) -> None:
    """Transfers the audit log, after the migrations, to a role that nobody can become.

    From then on not even the administration role, which owns all other tables, can change or drop
    it. The schema is transferred too, because the owner of a schema can drop its tables.
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


def _create_role(server: psycopg.Connection, role: str) -> None:
    found = server.execute("select from pg_roles where rolname = %s", [role])
    if found.fetchone() is None:
        server.execute(_sql("create role {} nologin", role))


def _create_database(server: psycopg.Connection, database: str, owner: str) -> None:
    found = server.execute("select from pg_database where datname = %s", [database])
    if found.fetchone() is None:
        server.execute(_sql("create database {} owner {}", database, owner))
    close_database(server, database)


def close_database(server: psycopg.Connection, database: str) -> None:
    """Revokes what PostgreSQL grants PUBLIC on every new database, such as CONNECT."""
    server.execute(_sql("revoke all on database {} from public", database))
