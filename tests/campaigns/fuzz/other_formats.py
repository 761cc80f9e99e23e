"""Hostile GIF, WebP and AVIF files: endless frames, inconsistent canvases, boxes without content.

Sources: GIF89a specification, RFC 9649 for WebP, ISO/IEC 23008-12 for AVIF.
"""

import io
import struct
from collections.abc import Iterator
from functools import cache, partial

from PIL import Image

from assets.validation.headers import MAX_FRAMES
from assets.validation.reasons import Reason
from tests.campaigns.fuzz.files import CANARY, PROCESSED, HostileFile, expecting, named, sized
from tests.campaigns.fuzz.samples import samples

_PIXEL = b"\x02\x02\x44\x01\x00"
_TOO_MANY = expecting(Reason.TOO_MANY_PIXELS)
_TOO_MANY_FRAMES = expecting(Reason.TOO_MANY_FRAMES)
_END = b";"


def gif_frame(width: int = 1, height: int = 1, at: int = 0, data: bytes = _PIXEL) -> bytes:
    """Returns one frame; by default with the data of one pixel."""
    return b"," + struct.pack("<HHHHB", at, at, width, height, 0) + data


def gif(width: int, height: int, *parts: bytes) -> bytes:
    """Returns a GIF of two colours."""
    screen = struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    return b"GIF89a" + screen + b"".join(parts) + _END


def _gif_of(frames: int) -> bytes:
    return gif(1, 1, gif_frame() * frames)


def riff(kind: bytes, data: bytes, length: int | None = None) -> bytes:
    """Returns a chunk of a WebP; `length` overrides its true length."""
    announced = len(data) if length is None else length
    return kind + struct.pack("<I", announced) + data + b"\0" * (len(data) % 2)


def webp(*chunks: bytes, length: int | None = None) -> bytes:
    """Returns a WebP of chunks."""
    return riff(b"RIFF", b"WEBP" + b"".join(chunks), length)


def _canvas(width: int, height: int, flags: int = 0) -> bytes:
    sides = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    return riff(b"VP8X", bytes([flags, 0, 0, 0]) + sides)


def _lossless(width: int, height: int) -> bytes:
    bits = (width - 1) & 0x3FFF | ((height - 1) & 0x3FFF) << 14
    return riff(b"VP8L", b"\x2f" + struct.pack("<I", bits) + bytes(20))


def _lossy(width: int, height: int) -> bytes:
    size = struct.pack("<HH", width, height)
    return riff(b"VP8 ", b"\x10\0\0\x9d\x01\x2a" + size + bytes(40))


def _webp_animation(frames: int, width: int, height: int) -> bytes:
    """Repeats a valid picture of one pixel on a canvas of that size."""
    place = bytes(6) + bytes(6) + b"\x64\0\0\2"
    frame = riff(b"ANMF", place + _one_pixel())
    return webp(_canvas(width, height, 2), riff(b"ANIM", bytes(6)), frame * frames)


@cache
def _one_pixel() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (1, 1)).save(file, "WEBP", lossless=True)
    return file.getvalue()[len(b"RIFF....WEBP") :]


def patched(sample: str, before: bytes, skip: int, value: bytes) -> bytes:
    """Returns a sample whose bytes are replaced `skip` bytes after the first `before`."""
    body = samples()[sample]
    at = body.index(before) + skip
    return body[:at] + value + body[at + len(value) :]


def hostile_other_formats() -> Iterator[HostileFile]:
    """Yields the GIF, WebP and AVIF files."""
    yield from _gifs()
    yield from _webps()
    yield from _avifs()


def _gifs() -> Iterator[HostileFile]:
    yield HostileFile("frames", "GIF of 500 frames", partial(_gif_of, 500), expecting(PROCESSED))
    for frames in (MAX_FRAMES + 1, 5000, 100_000, 690_000):
        make = partial(_gif_of, frames)
        yield HostileFile("frames", f"GIF of {frames} frames", make, _TOO_MANY_FRAMES)
    title, huge = "GIF of {} by {} pixels", ((65_500, 65_500), (65_535, 65_535), (6001, 6000))
    yield from sized("huge sides", title, huge, _gif_of_a_pixel, _TOO_MANY)
    yield from sized("no size", title, ((0, 0), (0, 8), (8, 0)), _gif_of_a_pixel)
    comment = b"!\xfe" + (b"\xff" + (CANARY * 16)[:255]) * 30_000 + b"\0"
    parts = {
        "a frame larger than its canvas": gif_frame(65_500, 65_500),
        "a frame outside its canvas": gif_frame(1, 1, at=65_000),
        "a frame without a size": gif_frame(0, 0),
        "no frame": b"",
        "codes of 255 bits": gif_frame(data=b"\xff\x02\x44\x01\x00"),
        "codes of no bits": gif_frame(data=b"\0\x02\x44\x01\x00"),
        "data without an end": gif_frame(8, 8, data=b"\x02" + b"\xff" + b"\x44" * 200),
        "a comment of 8 MB": comment + gif_frame(),
        "an extension without an end": b"!\xff\x0bNETSCAPE2.0" + b"\x01\x01" * 1000,
    }
    yield from named("inconsistent frames", "GIF with {}", parts, partial(gif, 4, 4))


def _gif_of_a_pixel(width: int, height: int) -> bytes:
    return gif(width, height, gif_frame())


def _webps() -> Iterator[HostileFile]:
    still = samples()["WebP, lossless"]
    picture = still[still.index(b"VP8L") :]
    for width, height in ((16_777_216, 16_777_216), (65_500, 65_500), (6001, 6000)):
        make = partial(webp, _canvas(width, height), picture)
        yield HostileFile("huge sides", f"WebP canvas of {width} by {height} pixels", make)
    yield HostileFile("huge sides", "lossless WebP", partial(webp, _lossless(16_384, 16_384)))
    yield HostileFile("huge sides", "lossy WebP", partial(webp, _lossy(16_383, 16_383)))
    yield HostileFile("no size", "lossy WebP of no pixels", partial(webp, _lossy(0, 0)))
    for frames, side in ((501, 115), (5000, 115), (20, 6000), (20, 6001)):
        make = partial(_webp_animation, frames, side, side)
        name = f"WebP of {frames} frames on {side} by {side} pixels"
        expected = _TOO_MANY_FRAMES if frames > MAX_FRAMES else frozenset[str]()
        yield HostileFile("frames", name, make, expected)
    for length in (0, 4, 2**31, 2**32 - 1):
        make = partial(webp, _canvas(115, 86), picture, length=length)
        yield HostileFile("inconsistent chunks", f"WebP of {length} bytes by its header", make)
    for kind in (b"EXIF", b"XMP ", b"ICCP", b"ALPH", b"abcd"):
        data = CANARY * 1000
        for word, length in (("a true", len(data)), ("a false", 2**32 - 1)):
            chunk = riff(kind, data, length)
            make = partial(webp, _canvas(115, 86, 0x3C), chunk, picture, chunk)
            name = f"WebP with {kind.decode().strip()} of {word} length"
            yield HostileFile("metadata", name, make)


def _avifs() -> Iterator[HostileFile]:
    for width, height in ((65_500, 65_500), (2**31, 2**31), (6001, 6000), (0, 0)):
        size = struct.pack(">II", width, height)
        for sample in ("AVIF", "AVIF, film"):
            kind = "huge sides" if width else "no size"
            make = partial(patched, sample, b"ispe", 8, size)
            yield HostileFile(kind, f"{sample} of {width} by {height} pixels", make)
    for box in (b"ftyp", b"meta", b"hdlr", b"pitm", b"iloc", b"iinf", b"iprp", b"av1C", b"mdat"):
        for length in (0, 1, 7, 2**31, 2**32 - 1):
            make = partial(patched, "AVIF", box, -4, struct.pack(">I", length))
            name = f"AVIF whose box {box.decode()} has {length} bytes"
            yield HostileFile("inconsistent boxes", name, make)
        hollow = partial(patched, "AVIF", box, 4, bytes(12))
        yield HostileFile("inconsistent boxes", f"AVIF whose box {box.decode()} is hollow", hollow)
