"""Renditions are as large as the recipe says, never larger than the original."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from assets.processing.processor import process
from assets.processing.recipe import (
    Recipe,
    RenditionSpec,
    Resize,
    read_recipe,
)
from tests.unit.pictures import STANDARD, decoded, encoded, photograph, processed

sides = st.integers(1, 2600)
LONGEST_PX = (1024, 256)


def sizes(width: int, height: int, format_: str = "PNG") -> list[tuple[int, int]]:
    options = {"compress_level": 1} if format_ == "PNG" else {}
    image = processed(encoded(Image.new("L", (width, height)), format_, **options))
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


def test_renditions_come_in_the_recipes_order_under_their_names() -> None:
    made = processed(encoded(Image.new("L", (2048, 2048)), "PNG")).renditions
    assert [rendition.file for rendition in made] == ["medium.jpg", "thumbnail.jpg"]


@settings(max_examples=40, deadline=None)
@given(sides, sides)
@example(2600, 1)
@example(1, 2600)
@example(1025, 1024)
def test_the_longest_side_is_that_of_the_recipe_or_of_the_original(width: int, height: int) -> None:
    wanted = [min(longest_px, max(width, height)) for longest_px in LONGEST_PX]
    assert [max(size) for size in sizes(width, height)] == wanted


@settings(max_examples=40, deadline=None)
@given(sides, sides)
@example(2600, 1)
def test_proportions_are_kept_to_the_pixel(width: int, height: int) -> None:
    for made_width, made_height in sizes(width, height):
        scale = max(made_width, made_height) / max(width, height)
        assert made_width == pytest.approx(max(1, width * scale), abs=1)
        assert made_height == pytest.approx(max(1, height * scale), abs=1)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 9000), st.integers(1, 1100))
@example(4000, 3000)
@example(8999, 1001)
def test_a_jpeg_is_as_large_as_any_other_though_its_decoder_makes_it_smaller(
    width: int, height: int
) -> None:
    assert sizes(width, height, "JPEG") == sizes(width, height)


@pytest.mark.parametrize("format_", ["JPEG", "WEBP"])
def test_a_picture_that_its_decoder_makes_smaller_is_told_in_its_own_size(format_: str) -> None:
    facts = processed(encoded(Image.new("RGB", (4000, 3000)), format_)).facts
    assert (facts.width_px, facts.height_px) == (4000, 3000)


def test_a_recipe_of_one_size_makes_one_rendition() -> None:
    spec = RenditionSpec(name="dot", steps=(Resize(longest_side_px=10),), quality=50)
    recipe = Recipe(name="dots", version=1, renditions=(spec,))
    (dot,) = process(encoded(Image.new("RGB", (40, 20)), "PNG"), recipe).renditions
    assert (dot.name, dot.width_px, dot.height_px) == ("dot", 10, 5)


@pytest.mark.parametrize(
    ("format_", "file", "content_type"),
    [
        ("JPEG", "all.jpg", "image/jpeg"),
        ("PNG", "all.png", "image/png"),
        ("WEBP", "all.webp", "image/webp"),
    ],
)
def test_a_rendition_without_steps_is_the_whole_picture_in_its_format(
    format_: str, file: str, content_type: str
) -> None:
    spec = RenditionSpec.model_validate({"name": "all", "format": format_})
    recipe = Recipe(name="whole", version=1, renditions=(*STANDARD.renditions, spec))
    *_, whole = process(encoded(Image.new("RGB", (2000, 30)), "TIFF"), recipe).renditions
    assert (whole.width_px, whole.height_px) == (2000, 30)
    assert (whole.format, whole.file, whole.content_type) == (format_, file, content_type)


@pytest.mark.parametrize("size", [(3000, 2000), (2000, 3000), (1600, 900), (2000, 1000)])
def test_the_shops_recipe_makes_squares_as_webp(size: tuple[int, int]) -> None:
    made = process(encoded(Image.new("RGB", size), "JPEG"), read_recipe("shop")).renditions
    assert [(one.file, one.width_px, one.height_px) for one in made] == [
        ("product.webp", 800, 800),
        ("tile.webp", 320, 320),
    ]


def test_the_recipe_for_proofs_makes_grey_pictures_one_of_them_marked() -> None:
    body = encoded(Image.new("RGB", (3000, 2000), "#804020"), "JPEG")
    made = process(body, read_recipe("proof")).renditions
    assert [(one.file, one.width_px, one.height_px) for one in made] == [
        ("proof.jpg", 800, 533),
        ("thumbnail.jpg", 256, 171),
    ]
    marked, plain = (decoded(one.body) for one in made)
    assert all(high - low > 60 for low, high in marked.getextrema())
    assert all(high - low < 3 for low, high in plain.getextrema())
    assert ImageChops.difference(*marked.split()[:2]).getextrema()[1] < 5


@pytest.mark.parametrize("format_", ["JPEG", "WEBP"])
def test_a_higher_quality_takes_more_bytes(format_: str) -> None:
    qualities = (10, 50, 90)
    specs = tuple(
        RenditionSpec.model_validate({"name": f"q{number}", "format": format_, "quality": number})
        for number in qualities
    )
    recipe = Recipe(name="qualities", version=1, renditions=specs)
    made = process(encoded(photograph(300, 200), "PNG"), recipe).renditions
    lengths = [len(one.body) for one in made]
    assert lengths == sorted(set(lengths))
