"""Each step of a recipe does what its name says, and nothing to the picture that it is given."""

from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageStat

from assets.processing.recipe import (
    Blur,
    Crop,
    Grey,
    Resize,
    Rotate,
    Sharpen,
    Step,
    Watermark,
)
from assets.processing.steps import (
    Sizes,
    apply_step,
    apply_steps,
    render,
    shrink,
)
from tests.unit.pictures import four_corners, is_close, mean_of_quarters, photograph

CORNERS = four_corners(400, 300)
RED, LIME, BLUE, YELLOW = mean_of_quarters(CORNERS)
STEPS: list[Step] = [
    Resize(longest_side_px=50),
    Crop(do="crop", width=1, height=1),
    Rotate(do="rotate", degrees=90),
    Grey(do="grey"),
    Blur(do="blur", radius_px=2),
    Sharpen(do="sharpen"),
    Watermark(do="watermark", text="Darkroom"),
]


def contrast(picture: Image.Image) -> float:
    return ImageStat.Stat(picture.convert("L")).stddev[0]


def edges(picture: Image.Image) -> float:
    """The mean difference of neighbours in a row."""
    return float(np.abs(np.diff(np.asarray(picture.convert("L"), dtype=float))).mean())


def changed_part(before: Image.Image, after: Image.Image) -> tuple[int, int, int, int] | None:
    return ImageChops.difference(before, after).getbbox()


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.do)
def test_the_picture_that_is_given_stays_as_it_is(step: Step) -> None:
    picture = photograph(300, 200)
    before = picture.tobytes()
    assert apply_step(step, picture).mode == "RGB"
    assert picture.tobytes() == before


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.do)
@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1)])
def test_every_step_takes_the_smallest_pictures(step: Step, size: tuple[int, int]) -> None:
    made = apply_step(step, Image.new("RGB", size, "red"))
    assert min(made.size) >= 1


def test_resizing_keeps_the_colours_where_they_are() -> None:
    made = apply_step(Resize(longest_side_px=40), CORNERS)
    assert made.size == (40, 30)
    for colour, wanted in zip(mean_of_quarters(made), (RED, LIME, BLUE, YELLOW), strict=True):
        assert is_close(colour, wanted, 12)


def test_resizing_makes_nothing_larger() -> None:
    assert apply_step(Resize(longest_side_px=401), CORNERS).size == (400, 300)


@pytest.mark.parametrize(
    ("proportions", "size"),
    [((1, 1), (300, 300)), ((16, 9), (400, 225)), ((9, 16), (169, 300)), ((4, 3), (400, 300))],
)
def test_a_crop_is_as_large_as_its_proportions_let_it_be(
    proportions: tuple[int, int], size: tuple[int, int]
) -> None:
    made = apply_step(Crop(do="crop", width=proportions[0], height=proportions[1]), CORNERS)
    assert made.size == size


def test_a_crop_shows_the_middle() -> None:
    picture = Image.new("RGB", (400, 100), "red")
    picture.paste("blue", (150, 0, 250, 100))
    made = apply_step(Crop(do="crop", width=1, height=1), picture)
    assert made.getcolors() == [(100 * 100, (0, 0, 255))]


@pytest.mark.parametrize(
    ("degrees", "size", "quarters"),
    [
        (90, (300, 400), [BLUE, RED, YELLOW, LIME]),
        (180, (400, 300), [YELLOW, BLUE, LIME, RED]),
        (270, (300, 400), [LIME, YELLOW, RED, BLUE]),
    ],
)
def test_turning_is_clockwise(
    degrees: int, size: tuple[int, int], quarters: list[tuple[float, ...]]
) -> None:
    made = apply_step(Rotate.model_validate({"do": "rotate", "degrees": degrees}), CORNERS)
    assert made.size == size
    assert mean_of_quarters(made) == quarters


def test_a_grey_picture_has_no_colour_left_and_its_brightness() -> None:
    made = apply_step(Grey(do="grey"), CORNERS)
    red, green, blue = made.split()
    assert red.tobytes() == green.tobytes() == blue.tobytes() == CORNERS.convert("L").tobytes()


def test_blurring_smooths_and_keeps_the_brightness() -> None:
    picture = photograph(300, 200)
    little, much = (apply_step(Blur(do="blur", radius_px=px), picture) for px in (1, 5))
    assert edges(picture) > edges(little) > edges(much)
    assert is_close(ImageStat.Stat(much).mean, ImageStat.Stat(picture).mean, 2)


def test_sharpening_raises_edges_and_more_percent_raise_them_more() -> None:
    picture = photograph(300, 200)
    little, much = (apply_step(Sharpen(do="sharpen", percent=p), picture) for p in (50, 200))
    assert edges(picture) < edges(little) < edges(much)


def test_sharpening_leaves_a_plain_area_alone() -> None:
    plain = Image.new("RGB", (50, 50), (90, 120, 30))
    assert changed_part(plain, apply_step(Sharpen(do="sharpen", percent=500), plain)) is None


@pytest.mark.parametrize(
    ("corner", "quarter"),
    [
        ("top-left", (0, 0, 200, 150)),
        ("top-right", (200, 0, 400, 150)),
        ("bottom-left", (0, 150, 200, 300)),
        ("bottom-right", (200, 150, 400, 300)),
    ],
)
def test_a_watermark_stands_in_its_corner(corner: str, quarter: tuple[int, ...]) -> None:
    black = Image.new("RGB", (400, 300))
    step = Watermark.model_validate({"do": "watermark", "text": "Shop", "corner": corner})
    left, top, right, bottom = changed_part(black, apply_step(step, black)) or (0, 0, 0, 0)
    assert quarter[0] < left < right < quarter[2]
    assert quarter[1] < top < bottom < quarter[3]


def test_a_watermark_is_as_strong_and_of_the_colour_that_is_said() -> None:
    black = Image.new("RGB", (400, 300))
    strong, weak = (
        apply_step(
            Watermark(do="watermark", text="M", colour="#ff0000", opacity=part, height_share=0.5),
            black,
        ).getextrema()
        for part in (1, 0.5)
    )
    assert strong == ((0, 255), (0, 0), (0, 0))
    assert weak == ((0, 128), (0, 0), (0, 0))


def test_a_watermarks_height_follows_the_pictures() -> None:
    step = Watermark(do="watermark", text="M", height_share=0.2)
    heights = []
    for size in ((400, 300), (800, 600)):
        black = Image.new("RGB", size)
        _, top, _, bottom = changed_part(black, apply_step(step, black)) or (0, 0, 0, 0)
        heights.append(bottom - top)
    assert heights[1] == pytest.approx(2 * heights[0], abs=2)


def test_steps_are_taken_in_their_order() -> None:
    crop, turn = Crop(do="crop", width=2, height=1), Rotate(do="rotate", degrees=90)
    assert apply_steps(CORNERS, [crop, turn]).size == (200, 400)
    assert apply_steps(CORNERS, [turn, crop]).size == (300, 150)


def test_every_step_that_a_recipe_may_have_is_among_those_tried_here() -> None:
    assert {type(step) for step in STEPS} == set(get_args(get_args(Step)[0]))


@given(st.lists(st.integers(1, 500), min_size=1, max_size=6))
def test_sizes_are_the_same_in_whatever_order_they_are_asked_for(sides: list[int]) -> None:
    sizes = Sizes(CORNERS)
    assert [sizes.at_most(side).size for side in sides] == [
        shrink(CORNERS, side).size for side in sides
    ]


def test_a_small_size_made_from_a_larger_one_looks_like_one_made_from_the_whole() -> None:
    picture = photograph(1600, 1200)
    sizes = Sizes(picture)
    sizes.at_most(640)
    difference = ImageChops.difference(sizes.at_most(200), shrink(picture, 200))
    assert max(ImageStat.Stat(difference).rms) < 2


def test_a_size_is_made_once() -> None:
    sizes = Sizes(CORNERS)
    assert sizes.at_most(100) is sizes.at_most(100)
    assert render(sizes, [Resize(longest_side_px=100)]) is sizes.at_most(100)
