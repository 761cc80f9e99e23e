from collections.abc import Iterator
from contextlib import nullcontext
from importlib import import_module
from pkgutil import iter_modules

import pytest

from infra.local.stack import Stack
from infra.local.state import StateFolder
from tests.campaigns import security
from tests.campaigns.security import campaign
from tests.campaigns.security.attempt import Attempt, Target, Verdict, try_out


@pytest.fixture
def target(empty_state: StateFolder) -> Target:
    return Target(Stack(empty_state))


def gets_nothing(_: Target) -> Iterator[str]:
    yield from ()


def gets_something(_: Target) -> Iterator[str]:
    yield "a password"


def cannot_be_made(_: Target) -> Iterator[str]:
    yield from ()
    raise ConnectionError("nobody answers")


@pytest.mark.parametrize(
    ("make", "verdict"),
    [
        (gets_nothing, Verdict.HELD),
        (gets_something, Verdict.NOT_HELD),
        (cannot_be_made, Verdict.NOT_MADE),
    ],
)
def test_the_verdict_of_an_attempt(target, make, verdict):
    assert try_out("Doors", Attempt("get in", make), target).verdict is verdict


@pytest.mark.parametrize("make", [gets_something, cannot_be_made])
def test_an_attempt_that_does_not_hold_or_is_not_made_fails_the_report(target, make, monkeypatch):
    attempts = (Attempt("knock", gets_nothing), Attempt("get in", make))
    monkeypatch.setattr(campaign, "SECTIONS", {"Doors": attempts})
    monkeypatch.setattr(campaign, "own_target", lambda: nullcontext(target))
    with pytest.raises(campaign.NotHeldError, match="2 attempts: 1 did not hold"):
        campaign.run(as_json=False)


def test_the_report_makes_the_attempts_of_every_module():
    modules = [
        import_module(f"{security.__name__}.{one.name}") for one in iter_modules(security.__path__)
    ]
    found = [one.ATTEMPTS for one in modules if hasattr(one, "ATTEMPTS")]
    assert sorted(map(id, found)) == sorted(map(id, campaign.SECTIONS.values()))


def test_titles_complete_a_sentence_and_differ():
    titles = [one.title for attempts in campaign.SECTIONS.values() for one in attempts]
    assert len(set(titles)) == len(titles)
    assert all(title[0].islower() and not title.endswith(".") for title in titles)
