"""Photographs come out looking as they should, whatever they went through before.

Compared by peak signal-to-noise ratio and structural similarity, never by bytes: another build of
libjpeg rounds otherwise. The floors are one decibel, and one hundredth, below what was measured;
what remains above is the noise of JPEG at quality 85 on so small a picture.
"""

from functools import cache

import numpy as np
import pytest
from PIL import Image, ImageChops
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from assets.processing.processor import process
from assets.processing.recipe import Recipe
from tests.unit.golden_pictures import DISGUISES, golden
from tests.unit.pictures import STANDARD, decoded, encoded

FLOORS = {
    "turned": (32.2, 0.952),
    "large": (30.3, 0.947),
    "wide_gamut": (32.2, 0.913),
    "cut_out": (38.8, 0.956),
    "inks": (33.3, 0.912),
    "deep": (37.5, 0.954),
}
EACH = pytest.mark.parametrize("name", DISGUISES)


@cache
def shown_and_stored(name: str) -> tuple[Image.Image, bytes]:
    return DISGUISES[name]()


def thumbnail(name: str, recipe: Recipe = STANDARD) -> Image.Image:
    *_, smallest = process(shown_and_stored(name)[1], recipe).renditions
    return decoded(smallest.body)


def likeness(name: str, image: Image.Image) -> tuple[float, float]:
    """Decibels, and similarity from 0 to 1, to the golden picture."""
    wanted, found = np.asarray(golden(name)), np.asarray(image)
    return (
        float(peak_signal_noise_ratio(wanted, found, data_range=255)),
        float(structural_similarity(wanted, found, data_range=255, channel_axis=2)),
    )


def is_alike(name: str, image: Image.Image) -> bool:
    (decibels, similarity), (least_decibels, least_similarity) = likeness(name, image), FLOORS[name]
    return decibels >= least_decibels and similarity >= least_similarity


@EACH
def test_a_photograph_in_disguise_looks_like_the_photograph(name: str) -> None:
    image = thumbnail(name)
    assert image.size == golden(name).size
    assert is_alike(name, image), likeness(name, image)


@EACH
def test_the_golden_picture_is_the_photograph_itself_made_small(name: str) -> None:
    shown, _ = shown_and_stored(name)
    small = shown.resize(golden(name).size, Image.Resampling.BICUBIC)
    difference = ImageChops.difference(small, golden(name))
    assert max(high for _, high in difference.getextrema()) <= 4


@EACH
def test_a_low_quality_would_be_noticed(name: str) -> None:
    said = STANDARD.model_dump()
    recipe = Recipe.model_validate(
        said | {"renditions": [one | {"quality": 30} for one in said["renditions"]]}
    )
    assert not is_alike(name, thumbnail(name, recipe))


@EACH
def test_a_careless_resampling_would_be_noticed(name: str) -> None:
    shown, _ = shown_and_stored(name)
    small = shown.resize(golden(name).size, Image.Resampling.NEAREST)
    assert not is_alike(name, decoded(encoded(small, "JPEG", quality=85)))


def test_a_turn_that_was_left_out_would_be_noticed() -> None:
    half_turned = thumbnail("turned").transpose(Image.Transpose.ROTATE_180)
    assert not is_alike("turned", half_turned)


def test_a_profile_that_was_left_out_would_be_noticed() -> None:
    stored = decoded(shown_and_stored("wide_gamut")[1])
    small = stored.resize(golden("wide_gamut").size, Image.Resampling.BICUBIC)
    assert not is_alike("wide_gamut", decoded(encoded(small, "JPEG", quality=85)))
