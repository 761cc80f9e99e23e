"""The same platform with Apache Kafka as its broker, on machines with Java and Maven.

`make test-apache-kafka` runs what is here; `make test` does not, for it must need neither.
"""

import os
from collections.abc import Iterator

import pytest

from infra.local.ports import free_ports
from infra.local.server import Server
from infra.local.stack import Stack
from infra.local.state import StateFolder
from tests.integration.conftest import (
    Platform,
    overrides,
    own_variables,
    own_warehouse,
    platform,
    settings,
)

__all__ = [
    "Platform",
    "apache_kafka",
    "overrides",
    "own_variables",
    "own_warehouse",
    "platform",
    "settings",
    "stack",
]


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """What every fixture of the other tests builds on, with the other broker."""
    outside = {**os.environ, "KAFKA": "apache"}
    made = Stack(StateFolder(tmp_path_factory.mktemp("stack")), free_ports(), outside)
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def apache_kafka(stack: Stack) -> Server:
    """The broker; it runs when a test begins, whatever the one before did to it."""
    stack.start()
    return next(server for server in stack.servers if server.name == "kafka")
