"""Fixtures of the unit tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.tiny_server import MakeServer, tiny_servers


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[MakeServer]:
    with tiny_servers(tmp_path) as make:
        yield make
