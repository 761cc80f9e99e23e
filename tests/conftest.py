"""Fixtures of all tests; those that need servers are in `integration/`."""

from pathlib import Path

import pytest

from infra.local.state import StateFolder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Starts with what takes longest, and keeps together what shares servers or built views.

    The groups are for pytest-xdist: the tests of one run in one process, all others in any.
    """
    items.sort(key=lambda item: not item.nodeid.startswith("tests/e2e/"))
    for item in items:
        module = item.nodeid.partition("::")[0]
        if "running" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("the running platform"))
        elif module.startswith(("tests/e2e/", "tests/integration/")):
            item.add_marker(pytest.mark.xdist_group(module))


@pytest.fixture
def empty_state(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / "state")
