"""The scales of invented sales, and what `darkroom sales seed` says about them."""

import math
import re
from dataclasses import astuple
from itertools import pairwise
from pathlib import Path

import pytest

from cli import sales as command
from infra.demo.sales import seed
from infra.demo.sales.seed import SCALES
from tests.commands import darkroom

CATALOGUE = Path(seed.__file__).with_name("catalogue.sql").read_text()
BY_SIZE = ("demo", "small", "medium", "large")


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """The scales that the command goes on with, instead of seeding."""
    scales = []
    monkeypatch.setenv("DARKROOM_STATE", str(tmp_path))
    monkeypatch.setattr(command, "fill", lambda _stack, scale: scales.append(scale))
    return scales


def test_each_scale_is_larger_than_the_one_before_it():
    for smaller, larger in pairwise(SCALES[name] for name in BY_SIZE):
        assert larger.transactions >= 10 * smaller.transactions
        assert larger.members >= 10 * smaller.members
        assert larger.items >= smaller.items


def test_the_demo_and_the_large_scale_are_as_big_as_promised():
    assert astuple(SCALES["demo"]) == (200, 60, 600, 90)
    assert astuple(SCALES["large"]) == (1_000_000, 10_000, 5_000_000, 3 * 365)


def test_no_two_members_of_any_scale_can_have_the_same_code():
    """Multiplying is one to one on five digits to base 36 where no factor is shared."""
    [factor] = set(re.findall(r"member_no \* (\d+)", CATALOGUE))
    assert math.gcd(int(factor), 36**5) == 1
    assert max(scale.members for scale in SCALES.values()) < 36**5


@pytest.mark.parametrize("name", ["small", "medium", "large"])
def test_the_command_seeds_the_scale_that_it_is_given(asked, name):
    done = darkroom("sales", "seed", "--scale", name)
    assert (done.exit_code, asked) == (0, [SCALES[name]])


def test_the_command_seeds_the_small_scale_when_it_is_given_none(asked):
    darkroom("sales", "seed")
    assert asked == [SCALES["small"]]


@pytest.mark.parametrize("name", ["huge", "demo"])
def test_a_scale_that_does_not_exist_is_refused_in_one_sentence(asked, name):
    done = darkroom("sales", "seed", "--scale", name)
    assert done.exit_code == 2
    sentence = f"there is no scale “{name}”; choose small, medium or large."
    assert "--scale" in done.output
    assert sentence in done.output
    assert asked == []


def test_an_empty_scale_is_refused(asked):
    assert darkroom("sales", "seed", "--scale", "").exit_code == 2
    assert asked == []


def test_help_tells_how_large_each_scale_is():
    words = darkroom("sales", "seed", "--help").output.split()
    for name in ("small", "medium", "large"):
        assert f"{name}:" in words
        assert f"{SCALES[name].transactions:,}" in words
