"""Pictures in every pixel mode that the formats have come out in plain RGB, looking the same."""

from __future__ import annotations

import hashlib
import io
import struct

import pytest
from PIL import Image

from tests.unit.pictures import encoded, four_corners, is_close, mean_of_quarters, medium, processed

WHITE = (255.0, 255.0, 255.0)
RED = (255.0, 0.0, 0.0)
SIZE = (32, 32)


def middle(image: Image.Image) -> tuple[float, ...]:
    return tuple(image.convert("RGB").getpixel((image.width // 2, image.height // 2)))


def clear(mode: str) -> Image.Image:
    """A picture that is red or black where nobody sees it: fully transparent."""
    return Image.new(mode, SIZE, (0, 0) if mode == "LA" else (255, 0, 0, 0))


def palette_with_clear_colour() -> Image.Image:
    image = Image.new("P", SIZE, 0)
    image.putpalette([255, 0, 0, 0, 255, 0])
    return image


CLEAR = {
    "RGBA as PNG": encoded(clear("RGBA"), "PNG"),
    "RGBA as WebP": encoded(clear("RGBA"), "WEBP", lossless=True, exact=True),
    "RGBA as TIFF": encoded(clear("RGBA"), "TIFF"),
    "RGBA as AVIF": encoded(clear("RGBA"), "AVIF"),
    "LA as PNG": encoded(clear("LA"), "PNG"),
    "a palette's colour as PNG": encoded(palette_with_clear_colour(), "PNG", transparency=0),
    "a palette's colour as GIF": encoded(palette_with_clear_colour(), "GIF", transparency=0),
    "a grey as PNG": encoded(Image.new("L", SIZE, 0), "PNG", transparency=0),
    "a colour as PNG": encoded(Image.new("RGB", SIZE, "red"), "PNG", transparency=(255, 0, 0)),
    "black of two as PNG": encoded(Image.new("1", SIZE, 0), "PNG", transparency=0),
}


@pytest.mark.parametrize("body", CLEAR.values(), ids=CLEAR.keys())
def test_what_is_transparent_is_shown_on_white(body: bytes) -> None:
    assert is_close(middle(medium(body)), WHITE, 3)


def test_what_is_half_transparent_is_mixed_with_white() -> None:
    body = encoded(Image.new("RGBA", SIZE, (255, 0, 0, 128)), "PNG")
    assert is_close(middle(medium(body)), (255, 127, 127), 4)


OPAQUE = {
    "RGB as JPEG": encoded(four_corners(), "JPEG"),
    "progressive JPEG": encoded(four_corners(), "JPEG", progressive=True),
    "YCbCr as TIFF": encoded(four_corners().convert("YCbCr"), "TIFF"),
    "CMYK as JPEG": encoded(four_corners().convert("CMYK"), "JPEG"),
    "CMYK as TIFF": encoded(four_corners().convert("CMYK"), "TIFF"),
    "a palette as PNG": encoded(four_corners().quantize(4), "PNG"),
    "a palette as GIF": encoded(four_corners().quantize(4), "GIF"),
    "a palette as TIFF": encoded(four_corners().quantize(4), "TIFF"),
    "RGBA as PNG": encoded(four_corners().convert("RGBA"), "PNG"),
    "RGB as WebP": encoded(four_corners(), "WEBP"),
    "RGB as AVIF": encoded(four_corners(), "AVIF"),
    "two pictures in one JPEG": encoded(
        four_corners(), "MPO", save_all=True, append_images=[Image.new("RGB", (48, 32))]
    ),
}


@pytest.mark.parametrize("body", OPAQUE.values(), ids=OPAQUE.keys())
def test_colours_survive_the_way_through_every_mode(body: bytes) -> None:
    colours = mean_of_quarters(medium(body))
    for colour, wanted in zip(colours, mean_of_quarters(four_corners()), strict=True):
        assert is_close(colour, wanted, 32)


def black_to_white(mode: str) -> Image.Image:
    """Left black, in the middle a grey of one half, right white; 16 bits to a pixel."""
    order = ">" if mode.endswith("B") else "<"
    row = b"".join(
        struct.pack(f"{order}H", level) for level in [0] * 20 + [32768] * 20 + [65535] * 20
    )
    return Image.frombytes(mode, (60, 20), row * 20)


GREYS = {
    "8 bits as PNG": encoded(Image.new("L", SIZE, 128), "PNG"),
    "8 bits as JPEG": encoded(Image.new("L", SIZE, 128), "JPEG"),
    "16 bits as PNG": encoded(black_to_white("I;16"), "PNG"),
    "16 bits as TIFF": encoded(black_to_white("I;16"), "TIFF"),
    "16 bits as TIFF, big end first": encoded(black_to_white("I;16B"), "TIFF"),
    "16 bits with a transparent level as PNG": encoded(
        black_to_white("I;16"), "PNG", transparency=65535
    ),
}


@pytest.mark.parametrize("body", GREYS.values(), ids=GREYS.keys())
def test_a_grey_of_one_half_is_neither_black_nor_white(body: bytes) -> None:
    assert is_close(middle(medium(body)), (128, 128, 128), 10)


def test_black_and_white_of_one_bit_stay_black_and_white() -> None:
    image = Image.new("1", SIZE, 0)
    image.paste(1, (16, 0, 32, 32))
    shown = medium(encoded(image, "PNG"))
    assert is_close(shown.getpixel((4, 16)), (0, 0, 0), 8)
    assert is_close(shown.getpixel((28, 16)), WHITE, 8)


def test_of_a_film_the_first_frame_is_shown() -> None:
    body = encoded(
        Image.new("RGB", SIZE, "red"),
        "GIF",
        save_all=True,
        append_images=[Image.new("RGB", SIZE, "blue")],
    )
    assert is_close(middle(medium(body)), RED, 8)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF"])
def test_the_format_is_that_of_the_content(format_: str) -> None:
    assert processed(encoded(four_corners(), format_)).format == format_


def test_the_mode_told_is_that_of_the_original() -> None:
    assert processed(encoded(four_corners().convert("CMYK"), "JPEG")).mode == "CMYK"


def test_the_digest_is_that_of_the_originals_bytes() -> None:
    body = encoded(four_corners(), "PNG")
    assert processed(body).sha256 == hashlib.sha256(body).digest()


def test_every_rendition_is_a_jpeg_in_rgb_of_the_size_that_is_told() -> None:
    for rendition in processed(encoded(four_corners(1200, 700), "PNG")).renditions:
        with Image.open(io.BytesIO(rendition.body)) as image:
            assert (image.format, image.mode) == ("JPEG", "RGB")
            assert image.size == (rendition.width_px, rendition.height_px)
