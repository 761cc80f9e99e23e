"""What an upload is refused for by its first bytes alone, and what is left to processing."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from assets.validation.headers import (
    ALLOWED_FORMATS,
    HEADER_BYTES,
    MAX_FRAMES,
    pixels_of,
    reject_header,
)
from assets.validation.reasons import Reason
from assets.validation.signatures import SIGNATURE_BYTES, format_of
from tests.unit.pictures import encoded, noise

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")

Image.init()
ACCEPTS = {name: Image.OPEN[name][1] for name in ALLOWED_FORMATS}
SIGNATURES = [encoded(noise(), name)[:SIGNATURE_BYTES] for name in ALLOWED_FORMATS]


def png(width: int, height: int, frames: int | None = None) -> bytes:
    """The header of a PNG of any size, and a little of what follows."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    made = b"\x89PNG\r\n\x1a\n"
    made += chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    if frames is not None:
        made += chunk(b"acTL", struct.pack(">II", frames, 0))
    return made + chunk(b"IDAT", zlib.compress(b"\0" * 64))


def gif(width: int, height: int) -> bytes:
    screen = struct.pack("<HHBBB", width, height, 0, 0, 0)
    frame = b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x01\x00\x00;"
    return b"GIF89a" + screen + frame


def jpeg(width: int, height: int) -> bytes:
    """A small JPEG whose header tells another size."""
    body = bytearray(encoded(noise(), "JPEG"))
    at = body.index(b"\xff\xc0") + 5
    body[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(body)


def tiff(width: int, height: int, order: str = "<") -> bytes:
    """A TIFF's first directory: as much as tells its size and how it would be decoded."""
    tags = [(256, 4, width), (257, 4, height), (258, 4, 8), (259, 4, 1), (262, 4, 1)]
    tags += [(273, 4, 8), (277, 4, 1), (278, 4, height), (279, 4, width * height % 2**32)]
    made = {"<": b"II", ">": b"MM"}[order] + struct.pack(f"{order}HI", 42, 8)
    made += struct.pack(f"{order}H", len(tags))
    for tag, kind, value in tags:
        made += struct.pack(f"{order}HHII", tag, kind, 1, value)
    return made + struct.pack(f"{order}I", 0)


def webp_lossy(width: int, height: int) -> bytes:
    frame = b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", width, height)
    return b"RIFF" + bytes(4) + b"WEBPVP8 " + struct.pack("<I", len(frame)) + frame


def webp_lossless(width: int, height: int) -> bytes:
    frame = b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14)
    return b"RIFF" + bytes(4) + b"WEBPVP8L" + struct.pack("<I", len(frame)) + frame


def webp_extended(width: int, height: int) -> bytes:
    canvas = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    return b"RIFF" + bytes(4) + b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + canvas


def avif(width: int, height: int) -> bytes:
    """A small AVIF whose header tells another size."""
    body = encoded(noise(), "AVIF")
    at = body.index(b"ispe") + 8
    return body[:at] + struct.pack(">II", width, height) + body[at + 8 :]


def ispe(width: int, height: int) -> bytes:
    """An AVIF's box with the size of one of its images."""
    return struct.pack(">I4sIII", 20, b"ispe", 0, width, height)


HEADERS = {
    "png": png,
    "gif": gif,
    "jpeg": jpeg,
    "little-endian tiff": tiff,
    "big-endian tiff": lambda width, height: tiff(width, height, ">"),
    "lossy webp": webp_lossy,
    "lossless webp": webp_lossless,
    "extended webp": webp_extended,
    "avif": avif,
}


@pytest.mark.parametrize("name", ALLOWED_FORMATS)
def test_every_allowed_format_is_known_by_its_first_bytes(name: str) -> None:
    assert format_of(encoded(noise(), name)[:SIGNATURE_BYTES]) == name


@pytest.mark.parametrize("name", ["BMP", "ICO", "PPM", "JPEG2000", "PDF", "TGA", "EPS", "DDS"])
def test_other_formats_of_images_are_not(name: str) -> None:
    assert format_of(encoded(noise(), name)[:SIGNATURE_BYTES]) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"RIFF\0\0\0\0WAVE",
        b"\0\0\0\x18ftypmp42\0\0\0\0isom",
        b"\0\0\0\x18ftypheic\0\0\0\0mif1",
        b"\xff\xff\xff\xffftypxxxx",
    ],
)
def test_other_content_is_not_recognized(body: bytes) -> None:
    assert format_of(body) is None


@given(st.binary(max_size=32) | st.sampled_from(SIGNATURES), st.integers(0, 31), st.binary())
def test_nothing_is_refused_that_processing_would_open(first: bytes, at: int, patch: bytes) -> None:
    """Pillow looks at 16 bytes; of AVIF's relatives it opens those that name AVIF somewhere."""
    first = (first[:at] + patch + first[at + len(patch) :])[:SIGNATURE_BYTES]
    opened_by = [name for name, accepts in ACCEPTS.items() if accepts(first[:16]) is True]
    strict = [name for name in opened_by if name != "AVIF" or first[8:12] in {b"avif", b"avis"}]
    assert not strict or format_of(first) is not None


@pytest.mark.parametrize("kind", HEADERS)
def test_a_picture_of_thirty_six_million_pixels_passes(kind: str) -> None:
    assert reject_header(HEADERS[kind](6000, 6000)) is None


@pytest.mark.parametrize("kind", HEADERS)
@pytest.mark.parametrize("size", [(6001, 6000), (6000, 6001), (16_383, 16_383)])
def test_a_pixel_bomb_is_known_by_its_header(kind: str, size: tuple[int, int]) -> None:
    assert reject_header(HEADERS[kind](*size)) is Reason.TOO_MANY_PIXELS


@pytest.mark.parametrize("kind", ["png", "little-endian tiff", "avif"])
def test_the_largest_bomb_that_can_be_told_is_known(kind: str) -> None:
    assert reject_header(HEADERS[kind](2**31 - 1, 2**31 - 1)) is Reason.TOO_MANY_PIXELS


def test_a_gif_whose_frame_exceeds_its_canvas_is_as_large_as_the_frame() -> None:
    body = gif(1, 1).replace(
        struct.pack("<HHHH", 0, 0, 1, 1), struct.pack("<HHHH", 0, 0, 60_000, 60_000)
    )
    assert reject_header(body) is Reason.TOO_MANY_PIXELS
    assert pixels_of(body) is None


@pytest.mark.parametrize("other", [(1, 1), (20_000, 1), (1, 20_000)])
def test_an_avif_of_several_images_is_as_large_as_its_largest(other: tuple[int, int]) -> None:
    first, bomb = avif(1, 1), ispe(6001, 6000)
    assert reject_header(first + ispe(*other)) is None
    assert reject_header(first + bomb + ispe(*other)) is Reason.TOO_MANY_PIXELS
    assert reject_header(first + ispe(*other) + bomb) is Reason.TOO_MANY_PIXELS


def test_an_animation_tells_its_frames_in_its_header() -> None:
    """The picture for viewers that know no animations counts as one more."""
    assert reject_header(png(1, 1, MAX_FRAMES - 1)) is None
    assert reject_header(png(1, 1, MAX_FRAMES)) is Reason.TOO_MANY_FRAMES


@pytest.mark.parametrize("name", ALLOWED_FORMATS)
@pytest.mark.parametrize("length", [SIGNATURE_BYTES, 100, 300, 10_000, HEADER_BYTES, 10**9])
def test_a_picture_passes_however_much_of_it_is_there(name: str, length: int) -> None:
    assert reject_header(encoded(noise(400, 300), name)[:length]) is None


@given(
    st.sampled_from([encoded(noise(), name) for name in ALLOWED_FORMATS]),
    st.lists(st.tuples(st.integers(0, 400), st.binary(min_size=1, max_size=8)), max_size=6),
    st.integers(1, 4000),
)
def test_a_hostile_header_is_judged_or_left_to_processing(
    body: bytes, patches: list[tuple[int, bytes]], length: int
) -> None:
    made = bytearray(body[:length])
    for at, patch in patches:
        made[at : at + len(patch)] = patch
    assert reject_header(bytes(made)) in {None, Reason.TOO_MANY_PIXELS, Reason.TOO_MANY_FRAMES}


def test_a_header_is_read_no_further_than_it_may_be() -> None:
    late = b"\xff\xd8" + (b"\xff\xe1\xff\xff" + bytes(65_533)) * 3 + jpeg(9000, 9000)[2:]
    assert reject_header(late) is None
