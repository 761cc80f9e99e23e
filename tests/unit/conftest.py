"""Fixtures of the unit tests."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.tiny_server import MakeServer, tiny_servers


@pytest.fixture
def local_time_is_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine's local time is nine hours ahead of UTC."""
    with monkeypatch.context() as zone:
        zone.setenv("TZ", "JST-9")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[MakeServer]:
    with tiny_servers(tmp_path) as make:
        yield make
