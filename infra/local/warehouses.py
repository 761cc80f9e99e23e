"""Further warehouses on the embedded server, for tests and benchmarks: copies of the empty one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from assets.access.apply import apply
from assets.access.policy import load_policy
from infra.local.stack import Stack
from infra.postgres.bootstrap import ADMIN, WAREHOUSE, close_database


@contextmanager
def copy_of_warehouse(stack: Stack, database: str) -> Iterator[dict[str, str]]:
    """Makes a copy of the warehouse under another name, and drops it afterwards.

    Yields the environment that leads programs to the copy.
    """
    env = stack.environment()
    names = {
        "new": sql.Identifier(database),
        "old": sql.Identifier(WAREHOUSE),
        "owner": sql.Identifier(ADMIN),
    }
    with psycopg.connect(stack.superuser_conninfo(), autocommit=True) as server:
        create = "create database {new} template {old} owner {owner}"
        server.execute(sql.SQL(create).format(**names))
        try:
            close_database(server, database)
            apply(make_conninfo(env["DATABASE_ADMIN_URL"], dbname=database), load_policy())
            yield env | {
                "DATABASE_URL": make_conninfo(env["DATABASE_URL"], dbname=database),
                "DATABASE_ADMIN_URL": make_conninfo(env["DATABASE_ADMIN_URL"], dbname=database),
                "DATABASE_UPLOADER_URL": make_conninfo(
                    env["DATABASE_UPLOADER_URL"], dbname=database
                ),
                "DBT_DBNAME": database,
            }
        finally:
            server.execute(sql.SQL("drop database {new} with (force)").format(**names))
