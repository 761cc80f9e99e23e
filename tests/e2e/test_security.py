"""What `darkroom security report` tries, one test per attempt, on the platform of these tests."""

import pytest

from tests.campaigns.security.attempt import Target
from tests.campaigns.security.campaign import SECTIONS


@pytest.fixture(scope="module")
def target(running) -> Target:
    running.stack.start_programs()
    return Target(running.stack)


@pytest.mark.parametrize(
    "attempt",
    [one for attempts in SECTIONS.values() for one in attempts],
    ids=lambda one: one.title,
)
def test_somebody_cannot(target, attempt):
    assert list(attempt.make(target)) == []
