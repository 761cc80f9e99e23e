"""A recipe's hash names what was made: it changes with the recipe and with nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.images.processing.recipe import STANDARD, Recipe, RenditionSpec

specs = st.builds(RenditionSpec, st.text(max_size=8), st.integers(1, 4096))
recipes = st.builds(Recipe, st.lists(specs, min_size=1, max_size=4).map(tuple), st.integers(1, 95))
MEDIUM, THUMBNAIL = STANDARD.renditions


def test_the_standard_recipe_makes_1024_and_256_pixels_largest_first() -> None:
    assert [spec.longest_side_px for spec in STANDARD.renditions] == [1024, 256]


def test_the_standard_recipes_hash_is_the_one_that_keys_in_the_bucket_have() -> None:
    assert STANDARD.hash == "7980ea4b9fee"


@pytest.mark.parametrize(
    "changed",
    [
        replace(STANDARD, quality=84),
        replace(STANDARD, renditions=(MEDIUM,)),
        replace(STANDARD, renditions=(THUMBNAIL, MEDIUM)),
        replace(STANDARD, renditions=(replace(MEDIUM, longest_side_px=1023), THUMBNAIL)),
        replace(STANDARD, renditions=(replace(MEDIUM, name="large"), THUMBNAIL)),
    ],
)
def test_the_hash_changes_with_any_field(changed: Recipe) -> None:
    assert changed.hash != STANDARD.hash


@given(recipes, recipes)
def test_two_recipes_have_one_hash_exactly_if_they_are_equal(one: Recipe, other: Recipe) -> None:
    assert (one.hash == other.hash) == (one == other)


@given(recipes)
def test_a_hash_is_twelve_hexadecimal_digits(recipe: Recipe) -> None:
    assert len(recipe.hash) == 12
    assert set(recipe.hash) <= set("0123456789abcdef")


@given(recipes)
def test_the_largest_side_is_that_of_the_largest_rendition(recipe: Recipe) -> None:
    assert recipe.largest_px == sorted(spec.longest_side_px for spec in recipe.renditions)[-1]
