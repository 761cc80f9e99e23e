"""Fixtures of all tests; those that need servers are in `integration/`."""

from pathlib import Path

import pytest

from infra.local.state import StateFolder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Starts with what takes longest."""
    items.sort(key=lambda item: not item.nodeid.startswith("tests/e2e/"))


@pytest.fixture
def empty_state(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / "state")
