"""Further warehouses on the embedded server, for tests and benchmarks: copies of the empty one."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.conninfo import make_conninfo

from assets.access.facts import fill
from infra.local.stack import Stack
from infra.postgres.bootstrap import OWNER, WAREHOUSE, as_owner, close_database

# CREATE DATABASE copies every grant within the template, but none on the template itself.
_GRANTS_ON_DATABASE = """
    select format('grant %%s on database %%I to %%I', privilege_type, %s::text, rolname)
    from pg_database
    cross join aclexplode(datacl) as item
    inner join pg_roles on pg_roles.oid = item.grantee
    where datname = %s and item.grantee <> datdba
"""


def owner_conninfo(stack: Stack, database: str = WAREHOUSE) -> str:
    """Returns a connection that acts as the owner of a warehouse, for tests and benchmarks."""
    return as_owner(stack.superuser_conninfo(database))


@contextmanager
def copy_of_warehouse(
    stack: Stack, database: str, template: str = WAREHOUSE
) -> Iterator[dict[str, str]]:
    """Copies a warehouse under another name, with its grants, and drops the copy afterwards.

    Nobody may be connected to the template while it is copied. Yields the environment of programs
    that use the copy, and in `DATABASE_OWNER_URL` a connection that acts as its owner.
    """
    env = stack.environment()
    with psycopg.connect(stack.superuser_conninfo(), autocommit=True) as server:
        server.execute(fill("create database {} template {} owner {}", database, template, OWNER))
        try:
            close_database(server, database)
            for (grant,) in server.execute(_GRANTS_ON_DATABASE, [database, template]).fetchall():
                server.execute(grant)
            urls = ("DATABASE_URL", "DATABASE_ADMIN_URL", "DATABASE_UPLOADER_URL")
            yield env | {
                **{url: make_conninfo(env[url], dbname=database) for url in urls},
                "DATABASE_OWNER_URL": owner_conninfo(stack, database),
                "DBT_DBNAME": database,
            }
        finally:
            server.execute(fill("drop database {} with (force)", database))
