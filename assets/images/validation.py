"""What is accepted as an image, decided from its first bytes and its header, without decoding."""

from __future__ import annotations

import io
import math
import re
import struct
import zlib
from collections.abc import Mapping
from enum import StrEnum

from PIL import Image
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

MAX_IMAGE_BYTES = 10 * 1024 * 1024
MAX_IMAGE_PIXELS = 36_000_000
MAX_FRAMES = 500
ALLOWED_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF")

SIGNATURE_BYTES = 64
"""So many first bytes tell an image's format."""

HEADER_BYTES = 64 * 1024
"""So many first bytes are read for an image's size: a bound on the time that this takes."""

_SIGNATURES = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
}
_AVIF_BRANDS = {b"avif", b"avis"}
_AVIF_SIZE = re.compile(rb"\0\0\0\x14ispe\0\0\0\0(.{8})", re.DOTALL)
# Pillow reads these headers in Python alone; of WebP and AVIF it would begin to decode.
_HEADERS: Mapping[str, type[ImageFile]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "GIF": GifImageFile,
    "TIFF": TiffImageFile,
}
_UNREADABLE = (
    *(SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError),
    *(OSError, EOFError, RuntimeError, struct.error, zlib.error),
)
"""What Pillow raises on headers that are broken or end too early."""


class Reason(StrEnum):
    """Why an image is rejected; `dbt_project` explains each to its readers."""

    EMPTY = "empty"
    TOO_LARGE = "too_large"
    NOT_AN_IMAGE = "not_an_image"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_MANY_FRAMES = "too_many_frames"
    TRUNCATED = "truncated"
    CORRUPT = "corrupt"
    DECODER_TIMEOUT = "decoder_timeout"
    DECODER_DIED = "decoder_died"
    OBJECT_MISSING = "object_missing"
    GAVE_UP = "gave_up"


class RejectedImageError(Exception):
    """The bytes are not an image that the platform processes, for a reason."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


def reject_size(size_bytes: int) -> Reason | None:
    """Returns why a body of that length cannot be an image here, or None."""
    if size_bytes == 0:
        return Reason.EMPTY
    if size_bytes > MAX_IMAGE_BYTES:
        return Reason.TOO_LARGE
    return None


def check_header(image: Image.Image) -> None:
    """Checks an opened, undecoded image against the limits.

    Raises `RejectedImageError` with the first limit that it breaks.
    """
    _check_pixels(image.width, image.height)
    if getattr(image, "n_frames", 1) > MAX_FRAMES:
        raise RejectedImageError(Reason.TOO_MANY_FRAMES)


def format_of(first: bytes) -> str | None:
    """Returns the allowed format that a file's first `SIGNATURE_BYTES` announce, or None.

    Source: ISO/IEC 23000-22 for AVIF, whose brands stand in the first box, “ftyp”.
    """
    if first[:4] == b"RIFF" and first[8:12] == b"WEBP":
        return "WEBP"
    if first[4:8] == b"ftyp":
        end = min(int.from_bytes(first[:4]), len(first))
        brands = {first[8:12], *(first[at : at + 4] for at in range(16, end, 4))}
        return "AVIF" if brands & _AVIF_BRANDS else None
    return next((name for start, name in _SIGNATURES.items() if first.startswith(start)), None)


def reject_header(first: bytes) -> Reason | None:
    """Returns the limit that a file of an allowed format breaks by its first bytes, or None.

    A header that is broken, or longer than the `HEADER_BYTES` looked at, is left to processing.
    """
    first = first[:HEADER_BYTES]
    name = format_of(first)
    try:
        if name == "WEBP":
            _check_pixels(*_webp_size(first))
        elif name == "AVIF":
            _check_pixels(*_avif_size(first))
        elif name is not None:
            check_header(_HEADERS[name](io.BytesIO(first)))
    except RejectedImageError as rejected:
        return rejected.reason
    except _UNREADABLE:
        return None
    return None


def _check_pixels(width: int, height: int) -> None:
    if width * height > MAX_IMAGE_PIXELS:
        raise RejectedImageError(Reason.TOO_MANY_PIXELS)


def _webp_size(first: bytes) -> tuple[int, int]:
    """Reads width and height in pixels; source: RFC 9649, sections 2.5 to 2.7."""
    kind = first[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(first[at : at + 3], "little") for at in (24, 27))
        return width + 1, height + 1
    if kind == b"VP8L":
        bits = int.from_bytes(first[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack("<HH", first[26:30])
    return width & 0x3FFF, height & 0x3FFF


def _avif_size(first: bytes) -> tuple[int, int]:
    """Reads width and height in pixels of the largest image; source: ISO/IEC 23008-12, “ispe”."""
    sizes = [struct.unpack(">II", found) for found in _AVIF_SIZE.findall(first)]
    return max(sizes, key=math.prod)
