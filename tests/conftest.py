"""Fixtures of all tests; those that need servers are in `integration/`."""

import os
from pathlib import Path

import pytest

from infra.local.dbt import DBT_PROJECT, parse_dbt_project
from infra.local.state import StateFolder


def pytest_configure(config: pytest.Config) -> None:
    """Reads the dbt project in a fresh checkout: the code location cannot be loaded without."""
    is_worker = hasattr(config, "workerinput")
    if not is_worker and not (DBT_PROJECT / "target" / "manifest.json").exists():
        parse_dbt_project(os.environ)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Starts with what takes longest."""
    items.sort(key=lambda item: not item.nodeid.startswith("tests/e2e/"))


@pytest.fixture
def empty_state(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / "state")
