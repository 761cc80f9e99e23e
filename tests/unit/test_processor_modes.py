"""Pictures in every pixel mode that the formats have come out in plain RGB, looking the same."""

import hashlib
import io
import struct
import zlib
from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.TiffImagePlugin import PHOTOMETRIC_INTERPRETATION

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
    "palette with alpha as PNG": encoded(clear("RGBA").quantize(2), "PNG"),
    "LA as TIFF": encoded(clear("LA"), "TIFF"),
    "a level of 16 bits as PNG": encoded(Image.new("I;16", SIZE, 700), "PNG", transparency=700),
    "animated WebP": encoded(
        clear("RGBA"), "WEBP", save_all=True, append_images=[Image.new("RGBA", SIZE, "red")]
    ),
}


@pytest.mark.parametrize("body", CLEAR.values(), ids=CLEAR.keys())
def test_what_is_transparent_is_shown_on_white(body: bytes) -> None:
    assert is_close(middle(medium(body)), WHITE, 3)


@pytest.mark.parametrize("body", CLEAR.values(), ids=CLEAR.keys())
def test_what_may_be_transparent_is_told(body: bytes) -> None:
    assert processed(body).facts.has_alpha


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF"])
def test_what_cannot_be_transparent_is_told(format_: str) -> None:
    assert not processed(encoded(four_corners(), format_)).facts.has_alpha


def test_what_is_half_transparent_is_mixed_with_white() -> None:
    body = encoded(Image.new("RGBA", SIZE, (255, 0, 0, 128)), "PNG")
    assert is_close(middle(medium(body)), (255, 127, 127), 4)


def in_lab(image: Image.Image) -> Image.Image:
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    return ImageCms.profileToProfile(image, srgb, lab, outputMode="LAB")


def png_of_16_bits(image: Image.Image) -> bytes:
    """A PNG with 16 bits to a colour, which Pillow reads and does not write."""
    kind = {"RGB": 2, "RGBA": 6}[image.mode]
    levels = np.asarray(image).astype(">u2") * 257
    rows = b"".join(b"\0" + row.tobytes() for row in levels)
    header = struct.pack(">IIBBBBB", *image.size, 16, kind, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


OPAQUE = {
    "RGB as JPEG": encoded(four_corners(), "JPEG"),
    "progressive JPEG": encoded(four_corners(), "JPEG", progressive=True),
    "RGB that is decoded smaller": encoded(four_corners(4800, 3200), "JPEG"),
    "LAB as TIFF": encoded(in_lab(four_corners()), "TIFF"),
    "16 bits a colour as PNG": png_of_16_bits(four_corners()),
    "16 bits a colour and alpha as PNG": png_of_16_bits(four_corners().convert("RGBA")),
    "a palette with alpha as PNG": encoded(four_corners().convert("RGBA").quantize(8), "PNG"),
    "animated PNG": encoded(
        four_corners(), "PNG", save_all=True, append_images=[Image.new("RGB", (48, 32))]
    ),
    "animated AVIF": encoded(
        four_corners(), "AVIF", save_all=True, append_images=[Image.new("RGB", (48, 32))]
    ),
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


def numbers(mode: str, levels: Sequence[float]) -> Image.Image:
    """Columns of equal width and any levels, in 32 bits."""
    row = np.repeat(np.array(levels, dtype={"I": np.int32, "F": np.float32}[mode]), 20)
    return Image.fromarray(np.tile(row, (20, 1)))


def tiff_of_12_bits(levels: Sequence[int]) -> bytes:
    """A TIFF whose levels go to 4095, which Pillow reads and does not write."""
    row = [level for level in levels for _ in range(20)]
    pairs = zip(row[::2], row[1::2], strict=True)
    packed = b"".join(bytes([a >> 4, (a & 15) << 4 | b >> 8, b & 255]) for a, b in pairs) * 20
    tags = [(256, len(row)), (257, 20), (258, 12), (259, 1), (262, 1), (273, 8), (277, 1)]
    tags += [(278, 20), (279, len(packed))]
    body = b"II*\0" + struct.pack("<I", 8 + len(packed)) + packed + struct.pack("<H", len(tags))
    return body + b"".join(struct.pack("<HHII", tag, 4, 1, n) for tag, n in tags) + bytes(4)


NONE = float("nan")
WHITE_IS_ZERO = {PHOTOMETRIC_INTERPRETATION: 0}
GREYS = {
    "8 bits as PNG": encoded(Image.new("L", SIZE, 128), "PNG"),
    "12 bits as TIFF": tiff_of_12_bits([0, 2048, 4095]),
    "16 bits with white as nothing": encoded(
        black_to_white("I;16"), "TIFF", tiffinfo=WHITE_IS_ZERO
    ),
    "32 bits as TIFF": encoded(numbers("I", [-2_000_000, 0, 2_000_000]), "TIFF"),
    "fractions as TIFF": encoded(numbers("F", [0, 0.5, 1]), "TIFF"),
    "fractions that do not reach white": encoded(numbers("F", [0.4, 0.5, 0.6]), "TIFF"),
    "numbers without a scale as TIFF": encoded(numbers("F", [-3.5, 0, 3.5]), "TIFF"),
    "numbers between what is none": encoded(numbers("F", [NONE, -1, 0, 1, NONE]), "TIFF"),
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


@pytest.mark.parametrize(
    ("body", "left"),
    [
        (encoded(black_to_white("I;16"), "TIFF"), 0),
        (encoded(black_to_white("I;16"), "TIFF", tiffinfo=WHITE_IS_ZERO), 255),
        (tiff_of_12_bits([1024, 4095]), 64),
        (encoded(numbers("F", [0.25, 0.5]), "TIFF"), 64),
        (encoded(numbers("F", [250, 500]), "TIFF"), 0),
        (encoded(numbers("I", [250, 500]), "TIFF"), 0),
        (encoded(numbers("I", [7, 7]), "TIFF"), 0),
    ],
)
def test_levels_are_read_by_the_scale_that_they_have(body: bytes, left: int) -> None:
    assert is_close(medium(body).getpixel((4, 10)), (left,) * 3, 3)


def test_black_and_white_of_one_bit_stay_black_and_white() -> None:
    image = Image.new("1", SIZE, 0)
    image.paste(1, (16, 0, 32, 32))
    shown = medium(encoded(image, "PNG"))
    assert is_close(shown.getpixel((4, 16)), (0, 0, 0), 8)
    assert is_close(shown.getpixel((28, 16)), WHITE, 8)


LATER = [Image.new("RGB", SIZE, "blue"), Image.new("RGB", SIZE, "lime")]
FILMS = {
    name: encoded(Image.new("RGB", SIZE, "red"), name, save_all=True, append_images=LATER)
    for name in ("GIF", "WEBP", "PNG", "AVIF", "TIFF", "MPO")
}


@pytest.mark.parametrize("body", FILMS.values(), ids=FILMS.keys())
def test_of_several_pictures_the_first_is_shown_and_all_are_counted(body: bytes) -> None:
    assert is_close(middle(medium(body)), RED, 8)
    assert processed(body).facts.frames == 3


def test_a_single_picture_counts_as_one() -> None:
    assert processed(encoded(four_corners(), "GIF")).facts.frames == 1


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF"])
def test_the_format_is_that_of_the_content(format_: str) -> None:
    assert processed(encoded(four_corners(), format_)).facts.format == format_


def test_the_mode_told_is_that_of_the_original() -> None:
    assert processed(encoded(four_corners().convert("CMYK"), "JPEG")).facts.mode == "CMYK"


def test_the_digest_is_that_of_the_originals_bytes() -> None:
    body = encoded(four_corners(), "PNG")
    assert processed(body).facts.sha256 == hashlib.sha256(body).digest()


def test_every_rendition_is_a_jpeg_in_rgb_of_the_size_that_is_told() -> None:
    for rendition in processed(encoded(four_corners(1200, 700), "PNG")).renditions:
        with Image.open(io.BytesIO(rendition.body)) as image:
            assert (image.format, image.mode) == ("JPEG", "RGB")
            assert image.size == (rendition.width_px, rendition.height_px)
