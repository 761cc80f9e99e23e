"""The servers of a command: those that run, or a database that is started for its duration."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from assets.errors import StackError
from assets.platform import Platform
from assets.resources.warehouse import NEWEST_MIGRATION, Connection, Warehouse
from infra.console import say
from infra.local.stack import Stack

ADMIN = "DATABASE_ADMIN_URL"


@contextmanager
def running_database(stack: Stack | None = None) -> Iterator[Mapping[str, str]]:
    """Yields the environment of a database that answers, by default the project's.

    An embedded one that does not run is started, and stopped afterwards unless the rest of the
    platform was started meanwhile. An outside one is used as it is.

    Raises:
        StackError: It cannot be started.
        TablesVersionError: Its tables are of another version.
    """
    stack = stack or Stack.of_project(say)
    server = next((server for server in stack.servers if server.name == "postgres"), None)
    is_temporary = server is not None and not server.is_running
    try:
        if is_temporary:
            stack.start_database()
        env = stack.environment()
        with Warehouse(env["DATABASE_URL"], NEWEST_MIGRATION).connect():
            pass  # its tables are of this version
        yield env
    finally:
        others = [one for one in (*stack.servers, *stack.programs) if one is not server]
        if is_temporary and not any(one.is_recorded() for one in others):
            stack.stop()


@contextmanager
def warehouse_connection(variable: str = "DATABASE_URL") -> Iterator[Connection]:
    """Connects to the database of `running_database`, at the address in a variable of it."""
    with running_database() as env, Warehouse(env[variable]).connect() as connection:
        yield connection


def running_platform(*servers: str) -> Platform:
    """Returns the project's platform, whose embedded servers of these names run.

    Raises `StackError` when one of them does not.
    """
    stack = Stack.of_project()
    for server in stack.servers:
        if server.name in servers and not server.is_running:
            raise StackError(f"{server.title} does not run; start the platform with `darkroom up`.")
    return Platform.from_settings(stack.settings())
