"""Pictures come out upright, whichever way their camera was held."""

import pytest
from PIL import Image, ImageOps

from tests.unit.pictures import (
    decoded,
    encoded,
    four_corners,
    is_close,
    mean_of_quarters,
    medium,
    orientation,
    processed,
)

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "AVIF")
ORIENTATIONS = range(1, 9)
UPRIGHT = 1


def assert_alike(image: Image.Image, wanted: Image.Image) -> None:
    assert image.size == wanted.size
    for colour, other in zip(mean_of_quarters(image), mean_of_quarters(wanted), strict=True):
        assert is_close(colour, other)


@pytest.mark.parametrize("number", ORIENTATIONS)
@pytest.mark.parametrize("format_", FORMATS)
def test_every_orientation_is_turned_as_pillow_turns_it(format_: str, number: int) -> None:
    body = encoded(four_corners(), format_, exif=orientation(number))
    assert_alike(medium(body), ImageOps.exif_transpose(decoded(body)))


@pytest.mark.parametrize("number", ORIENTATIONS)
@pytest.mark.parametrize("format_", FORMATS)
def test_width_and_height_are_those_of_the_upright_picture(format_: str, number: int) -> None:
    body = encoded(four_corners(48, 32), format_, exif=orientation(number))
    image = processed(body)
    assert (image.facts.width_px, image.facts.height_px) == ((48, 32) if number < 5 else (32, 48))


@pytest.mark.parametrize("format_", FORMATS)
def test_a_large_turned_picture_is_upright_after_it_was_made_smaller(format_: str) -> None:
    options = {"compression": "tiff_lzw"} if format_ == "TIFF" else {}
    body = encoded(four_corners(2400, 1600), format_, exif=orientation(6), **options)
    turned = medium(body)
    assert turned.size == (683, 1024)
    assert_alike(turned, four_corners(1024, 683).transpose(Image.Transpose.ROTATE_270))


@pytest.mark.parametrize("number", [number for number in ORIENTATIONS if number != UPRIGHT])
@pytest.mark.parametrize("format_", FORMATS)
def test_the_orientation_that_the_file_says_is_told(format_: str, number: int) -> None:
    body = encoded(four_corners(), format_, exif=orientation(number))
    assert processed(body).facts.orientation == number


@pytest.mark.parametrize("number", [0, 9, 42, 65535])
def test_an_orientation_that_does_not_exist_turns_nothing(number: int) -> None:
    body = encoded(four_corners(), "JPEG", exif=orientation(number))
    assert_alike(medium(body), four_corners())


def test_an_orientation_told_by_xmp_alone_is_honoured() -> None:
    packet = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf tiff:Orientation="6"/></x:xmpmeta>'
    body = encoded(four_corners(), "JPEG", xmp=packet)
    assert_alike(medium(body), four_corners().transpose(Image.Transpose.ROTATE_270))


@pytest.mark.parametrize("exif", [b"Exif\0\0nonsense", b"Exif\0\0II*\0\x08\0\0\0\xff\xff"])
def test_a_broken_exif_block_does_not_spoil_a_sound_picture(exif: bytes) -> None:
    assert_alike(medium(encoded(four_corners(), "JPEG", exif=exif)), four_corners())
