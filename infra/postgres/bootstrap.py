"""Roles, databases and schemas: the DDL that needs a superuser, applied idempotently.

Everything after it runs as one of the roles created here; migrations as the migrator.
"""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from psycopg.conninfo import make_conninfo

from assets.access.catalog import catalog_query
from assets.access.facts import fill
from assets.access.people import set_password
from assets.resources.warehouse import Connection, Warehouse

WAREHOUSE = "darkroom"
DAGSTER_STORAGE = "darkroom_dagster"

OWNER = "darkroom_owner"
MIGRATOR = "darkroom_migrator"
ADMIN = "darkroom_admin"
LOADER = "darkroom_loader"
UPLOADER = "darkroom_uploader"
BUILDER = "darkroom_builder"
DAGSTER = "darkroom_dagster"
PROGRAMS = (ADMIN, LOADER, UPLOADER, BUILDER, DAGSTER)
TEAMS = ("TEAM_LOGISTICS", "TEAM_ANALYTICS", "TEAM_SALES")

_DATABASE_OWNERS = {WAREHOUSE: OWNER, DAGSTER_STORAGE: DAGSTER}
_SCHEMA_OWNERS = {
    "migration": OWNER,
    "ASSESSMENT": OWNER,
    "change_queue": OWNER,
    "image_catalog": OWNER,
    "retention": OWNER,
    "staging": BUILDER,
    "analytics": BUILDER,
}
# The owner of everything in earlier versions, and a role that they had for the audit log alone.
_FORMER_OWNERS = (ADMIN, "darkroom_auditor")
_NOTHING_BY_DEFAULT = "alter default privileges for role {} revoke execute on functions from public"
_RESERVED_CONNECTIONS = "pg_use_reserved_connections"
_OPEN_ROUTINES = catalog_query("""
    select format('revoke execute on function %s from public', pg_proc.oid::regprocedure)
    from pg_proc
    join pg_namespace on pg_namespace.oid = pronamespace
    where {is_closed} and has_function_privilege('public', pg_proc.oid, 'execute')
""")


def bootstrap(superuser_conninfo: str, passwords: Mapping[str, str]) -> None:
    """Creates missing roles, databases and schemas and sets the passwords of the program roles.

    What an earlier version gave to other roles is transferred to the owner.

    Args:
        superuser_conninfo: A superuser's connection to any database of the server.

    Raises `ServerError` when the server goes away or refuses.
    """
    with Warehouse(superuser_conninfo).connect(autocommit=True) as server:
        _create_roles(server, passwords)
        for database, owner in _DATABASE_OWNERS.items():
            _create_database(server, database, owner)
        databases = server.execute("select datname, datallowconn from pg_database").fetchall()
        for database, _ in databases:
            close_database(server, database)
    for database in (name for name, may_connect in databases if may_connect):
        conninfo = make_conninfo(superuser_conninfo, dbname=database)
        with Warehouse(conninfo).connect(autocommit=True) as connection:
            _close_to_public(connection)
            if database == WAREHOUSE:
                _create_schemas(connection)


def has_warehouse(superuser_conninfo: str) -> bool:
    """Returns whether the server has the database of the warehouse."""
    with Warehouse(superuser_conninfo).connect() as server:
        return _has_database(server, WAREHOUSE)


@contextmanager
def migrator(superuser_conninfo: str) -> Iterator[str]:
    """Lets the migrator log in for the block; yields its connection, which acts as the owner."""
    password = secrets.token_urlsafe(24)
    with Warehouse(superuser_conninfo).connect(autocommit=True) as server:
        set_password(server, MIGRATOR, password)
        server.execute(fill("alter role {} login", MIGRATOR))
    try:
        conninfo = make_conninfo(
            superuser_conninfo, user=MIGRATOR, password=password, dbname=WAREHOUSE
        )
        yield as_owner(conninfo)
    finally:
        with Warehouse(superuser_conninfo).connect(autocommit=True) as server:
            server.execute(fill("alter role {} nologin password null", MIGRATOR))


def as_owner(conninfo: str) -> str:
    """Returns a connection whose session acts as the owner of the tables."""
    return make_conninfo(conninfo, options=f"-c role={OWNER}")


def _create_roles(server: Connection, passwords: Mapping[str, str]) -> None:
    for role in (OWNER, MIGRATOR, *TEAMS):
        _create_role(server, role)
    for role, password in passwords.items():
        _create_role(server, role)
        server.execute(fill("alter role {} login", role))
        set_password(server, role, password)
        server.execute(fill("grant {} to {}", _RESERVED_CONNECTIONS, role))
    server.execute(fill("alter role {} createrole", ADMIN))
    server.execute(fill("revoke {} from {}", BUILDER, ADMIN))
    for team in TEAMS:
        admit = "grant {} to {} with admin true, inherit false, set false"
        server.execute(fill(admit, team, ADMIN))
    for owner in (OWNER, BUILDER):
        server.execute(fill("grant {} to {}", owner, MIGRATOR))


def _create_schemas(connection: Connection) -> None:
    for schema, owner in _SCHEMA_OWNERS.items():
        create = "create schema if not exists {} authorization {}"
        connection.execute(fill(create, schema, owner))
    for role in (OWNER, BUILDER):
        connection.execute(fill(_NOTHING_BY_DEFAULT, role))
    for role in filter(lambda one: _exists(connection, one), _FORMER_OWNERS):
        connection.execute(fill("reassign owned by {} to {}", role, OWNER))
    if _exists(connection, "darkroom_auditor"):
        connection.execute("drop owned by darkroom_auditor; drop role darkroom_auditor")
        revoke = "revoke all on schema {} from {} cascade"  # what it granted is granted again
        connection.execute(fill(revoke, "ASSESSMENT", ADMIN))


def _close_to_public(connection: Connection) -> None:
    """Revokes what PostgreSQL grants everybody in a new database."""
    connection.execute("revoke all on schema public from public")
    for (revoke,) in connection.execute(_OPEN_ROUTINES).fetchall():
        connection.execute(revoke)


def _exists(server: Connection, role: str) -> bool:
    found = server.execute("select from pg_roles where rolname = %s", [role])
    return found.fetchone() is not None


def _create_role(server: Connection, role: str) -> None:
    if not _exists(server, role):
        server.execute(fill("create role {} nologin", role))


def _create_database(server: Connection, database: str, owner: str) -> None:
    if not _has_database(server, database):
        server.execute(fill("create database {} owner {}", database, owner))


def _has_database(server: Connection, database: str) -> bool:
    found = server.execute("select from pg_database where datname = %s", [database])
    return found.fetchone() is not None


def close_database(server: Connection, database: str) -> None:
    """Revokes what PostgreSQL grants PUBLIC on every new database, such as CONNECT."""
    server.execute(fill("revoke all on database {} from public", database))
