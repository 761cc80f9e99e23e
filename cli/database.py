"""The database that the access commands work on: what runs, or is started for the while."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from infra.local.server import Health
from infra.local.stack import Stack


@contextmanager
def running_database(stack: Stack) -> Iterator[Mapping[str, str]]:
    """Lends the environment of a database that answers.

    An embedded one that does not run is started, and stopped afterwards, unless by then somebody
    has started the rest of the platform over it. An outside one is used as it is.

    Raises `StackError` when it cannot be started.
    """
    server = next((server for server in stack.servers if server.name == "postgres"), None)
    is_lent = server is not None and server.health() is not Health.RUNNING
    if is_lent:
        stack.start_database()
    try:
        yield stack.environment()
    finally:
        others = [one for one in (*stack.servers, *stack.programs) if one is not server]
        if is_lent and not any(one.is_recorded() for one in others):
            stack.stop()
