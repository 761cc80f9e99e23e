"""Renditions are as large as the recipe says, never larger than the original."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from assets.images.processing.processor import process
from assets.images.processing.recipe import STANDARD, Recipe, RenditionSpec
from tests.unit.pictures import encoded, processed

sides = st.integers(1, 2600)


def sizes(width: int, height: int) -> list[tuple[int, int]]:
    image = processed(encoded(Image.new("L", (width, height)), "PNG", compress_level=1))
    return [(rendition.width_px, rendition.height_px) for rendition in image.renditions]


def test_a_large_picture_becomes_1024_and_256_pixels_wide() -> None:
    assert sizes(2048, 1024) == [(1024, 512), (256, 128)]


def test_of_a_tall_picture_the_height_is_the_longest_side() -> None:
    assert sizes(1024, 2048) == [(512, 1024), (128, 256)]


@pytest.mark.parametrize("size", [(1, 1), (200, 100), (256, 256)])
def test_a_small_picture_is_not_made_larger(size: tuple[int, int]) -> None:
    assert sizes(*size) == [size, size]


def test_a_picture_between_the_two_sizes_keeps_its_own_in_the_larger_rendition() -> None:
    assert sizes(1000, 500) == [(1000, 500), (256, 128)]


def test_renditions_come_largest_first_under_their_names() -> None:
    made = processed(encoded(Image.new("L", (2048, 2048)), "PNG")).renditions
    assert [rendition.name for rendition in made] == ["medium", "thumbnail"]


@settings(max_examples=40, deadline=None)
@given(sides, sides)
@example(2600, 1)
@example(1, 2600)
@example(1025, 1024)
def test_the_longest_side_is_that_of_the_recipe_or_of_the_original(width: int, height: int) -> None:
    wanted = [min(spec.longest_side_px, max(width, height)) for spec in STANDARD.renditions]
    assert [max(size) for size in sizes(width, height)] == wanted


@settings(max_examples=40, deadline=None)
@given(sides, sides)
@example(2600, 1)
def test_proportions_are_kept_to_the_pixel(width: int, height: int) -> None:
    for made_width, made_height in sizes(width, height):
        scale = max(made_width, made_height) / max(width, height)
        assert made_width == pytest.approx(max(1, width * scale), abs=1)
        assert made_height == pytest.approx(max(1, height * scale), abs=1)


@pytest.mark.parametrize("format_", ["JPEG", "WEBP"])
def test_a_picture_that_its_decoder_makes_smaller_is_told_in_its_own_size(format_: str) -> None:
    image = processed(encoded(Image.new("RGB", (4000, 3000)), format_))
    assert (image.width_px, image.height_px) == (4000, 3000)


def test_a_recipe_of_one_size_makes_one_rendition() -> None:
    recipe = Recipe((RenditionSpec("dot", 10),), 50)
    (dot,) = process(encoded(Image.new("RGB", (40, 20)), "PNG"), recipe).renditions
    assert (dot.name, dot.width_px, dot.height_px) == ("dot", 10, 5)
