"""Colours come out in sRGB, whichever way the file says what its numbers mean."""

import numpy as np
import pytest
from PIL import Image

from assets.processing.picture import to_srgb
from tests.unit import profiles
from tests.unit.pictures import encoded, is_close, medium

SIZE = (32, 32)
SWAPPED = profiles.swapped_profile()
ORANGE, ORANGE_SWAPPED = (200, 100, 40), (100, 200, 40)
RED, LIME, WHITE = (255, 0, 0), (0, 255, 0), (255, 255, 255)


def plain(colour: tuple[int, ...] | int, mode: str = "RGB") -> Image.Image:
    return Image.new(mode, SIZE, colour)


def shown(body: bytes) -> tuple[float, ...]:
    return tuple(medium(body).getpixel((16, 16)))


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_a_profile_in_any_format_is_applied(format_: str) -> None:
    body = encoded(plain(ORANGE), format_, icc_profile=SWAPPED)
    assert is_close(shown(body), ORANGE_SWAPPED, 12)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_without_a_profile_colours_stay(format_: str) -> None:
    assert is_close(shown(encoded(plain(ORANGE), format_)), ORANGE, 6)


@pytest.mark.parametrize(
    "colour", [(200, 100, 40), (40, 200, 100), (90, 90, 200), (128, 128, 128), (230, 220, 190)]
)
def test_a_wide_gamuts_colours_are_those_worked_out_by_hand(colour: tuple[int, int, int]) -> None:
    profile = profiles.matrix_profile(profiles.DISPLAY_P3)
    converted = to_srgb(plain(colour), profile).getpixel((0, 0))
    assert is_close(converted, profiles.in_srgb(colour, profiles.DISPLAY_P3), 3)


def test_a_colour_that_srgb_does_not_have_becomes_its_nearest() -> None:
    converted = to_srgb(plain(LIME), profiles.matrix_profile(profiles.DISPLAY_P3))
    assert is_close(converted.getpixel((0, 0)), LIME, 3)


@pytest.mark.parametrize(
    "image",
    [
        plain((*ORANGE, 255), "RGBA"),
        plain(ORANGE).quantize(2),
        plain(ORANGE).convert("RGBA").quantize(2),
    ],
    ids=["RGBA", "palette", "palette with alpha"],
)
def test_a_profile_is_applied_in_every_mode_of_colour(image: Image.Image) -> None:
    assert is_close(shown(encoded(image, "PNG", icc_profile=SWAPPED)), ORANGE_SWAPPED, 12)


def test_colours_are_converted_before_they_are_laid_on_white() -> None:
    body = encoded(plain((*RED, 128), "RGBA"), "PNG", icc_profile=SWAPPED)
    assert is_close(shown(body), (127, 255, 127), 6)


@pytest.mark.parametrize(
    "image",
    [plain(128, "L"), plain((128, 255), "LA"), Image.new("I;16", SIZE, 32896)],
    ids=["L", "LA", "I;16"],
)
def test_a_grey_profile_is_applied_to_grey(image: Image.Image) -> None:
    linear = encoded(image, "PNG", icc_profile=profiles.grey_profile(1.0))
    assert is_close(shown(linear), (188, 188, 188), 4)


PRESS = profiles.ink_profile(
    {(0, 0, 0, 0): WHITE, (1, 0, 0, 0): (200, 60, 40), (0, 1, 0, 0): (90, 150, 90)}
)


@pytest.mark.parametrize("format_", ["JPEG", "TIFF"])
@pytest.mark.parametrize(
    ("inks", "colour"),
    [((0, 0, 0, 0), WHITE), ((255, 0, 0, 0), (200, 60, 40)), ((0, 255, 0, 0), (90, 150, 90))],
)
def test_inks_are_shown_as_their_press_prints_them(
    format_: str, inks: tuple[int, ...], colour: tuple[int, ...]
) -> None:
    assert is_close(shown(encoded(plain(inks, "CMYK"), format_, icc_profile=PRESS)), colour, 12)


@pytest.mark.parametrize("format_", ["JPEG", "TIFF"])
@pytest.mark.parametrize(
    ("inks", "colour"),
    [((0, 0, 0, 0), WHITE), ((255, 0, 255, 0), LIME), ((0, 0, 0, 255), (0, 0, 0))],
)
def test_inks_without_a_profile_are_shown_as_their_names_say(
    format_: str, inks: tuple[int, ...], colour: tuple[int, ...]
) -> None:
    assert is_close(shown(encoded(plain(inks, "CMYK"), format_)), colour, 12)


def test_inks_that_are_written_inverted_as_adobe_does_are_turned_back() -> None:
    body = encoded(plain((0, 255, 255, 0), "CMYK"), "JPEG")
    assert b"\xff\xee\x00\x0eAdobe" in body
    assert is_close(shown(body), RED, 12)


def too_large() -> bytes:
    """A profile that works, with five megabytes behind it that it owns."""
    size = 5 * 1024 * 1024
    return size.to_bytes(4) + SWAPPED[4:].ljust(size - 4, b"\0")


IGNORED = {
    "an empty one": b"\0",
    "words": b"this is no profile",
    "a header alone": SWAPPED[:128],
    "one that ends in its table": SWAPPED[:150],
    "one that ends in its tags": SWAPPED[: len(SWAPPED) // 2],
    "tags beyond the end": SWAPPED[:160] + b"\x7f\xff\xff\xff" + SWAPPED[164:],
    "too many tags": SWAPPED[:128] + b"\xff\xff\xff\xff" + SWAPPED[132:],
    "one of another signature": SWAPPED[:36] + b"none" + SWAPPED[40:],
    "a grey one": profiles.grey_profile(1.0),
    "a press's": PRESS,
    "one of five megabytes": too_large(),
}


@pytest.mark.parametrize("profile", IGNORED.values(), ids=IGNORED.keys())
def test_a_profile_that_is_broken_or_about_something_else_counts_as_none(profile: bytes) -> None:
    assert is_close(shown(encoded(plain(ORANGE), "TIFF", icc_profile=profile)), ORANGE, 6)


def test_a_large_profile_of_a_press_is_still_one() -> None:
    size = 3 * 1024 * 1024
    profile = size.to_bytes(4) + SWAPPED[4:].ljust(size - 4, b"\0")
    assert is_close(shown(encoded(plain(ORANGE), "TIFF", icc_profile=profile)), ORANGE_SWAPPED, 12)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_a_colour_profile_in_a_picture_without_its_colours_counts_as_none(mode: str) -> None:
    grey = plain(128, "L").convert("RGB").convert(mode)
    body = encoded(grey, "TIFF", icc_profile=SWAPPED)
    assert is_close(shown(body), (128, 128, 128), 4)


@pytest.mark.parametrize(
    "profile", [profiles.srgb_profile(), profiles.matrix_profile(profiles.SRGB, 2.2)]
)
def test_a_profile_that_says_nearly_what_srgb_says_moves_no_colour_visibly(profile: bytes) -> None:
    ramp = Image.fromarray(np.tile(np.arange(256, dtype=np.uint8), (3, 1))).convert("RGB")
    converted = np.asarray(to_srgb(ramp, profile), dtype=int)
    assert np.abs(converted - np.asarray(ramp, dtype=int)).max() <= 9


def test_srgbs_own_profile_costs_nothing() -> None:
    picture = plain(ORANGE)
    assert to_srgb(picture, profiles.srgb_profile()) is picture
