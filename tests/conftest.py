"""Fixtures of all tests; those that need servers are in `integration/`."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.local.state import StateFolder


@pytest.fixture
def empty_state(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / "state")
