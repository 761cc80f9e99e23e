"""What is accepted as an image, decided from its first bytes and its header, without decoding."""

import io
import math
import re
import struct
import zlib
from collections.abc import Mapping

from PIL import Image
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from assets.validation.reasons import Reason, RejectedImageError
from assets.validation.signatures import format_of, other_format_of

MAX_IMAGE_BYTES = 10 * 1024 * 1024
MAX_IMAGE_PIXELS = 36_000_000
MAX_FRAMES = 500
ALLOWED_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF")
IMAGE_TYPES = tuple(f"image/{name.lower()}" for name in ALLOWED_FORMATS)

HEADER_BYTES = 64 * 1024
"""An image's size is read from this many bytes at most, which bounds the time it takes."""

_AVIF_SIZE = re.compile(rb"\0\0\0\x14ispe\0\0\0\0(.{8})", re.DOTALL)
# Pillow reads these headers in Python alone; for WebP and AVIF it would start to decode.
_HEADERS: Mapping[str, type[ImageFile]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "GIF": GifImageFile,
    "TIFF": TiffImageFile,
}
UNREADABLE = (
    *(SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError),
    *(OSError, EOFError, RuntimeError, struct.error, zlib.error),
)
"""What Pillow raises on headers and EXIF that are broken or truncated."""


def reject_size(size_bytes: int) -> Reason | None:
    """Returns why a body of that length is rejected, or None."""
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
    if _has_too_many_pages(image) or getattr(image, "n_frames", 1) > MAX_FRAMES:
        raise RejectedImageError(Reason.TOO_MANY_FRAMES)


def reject_unknown(first: bytes) -> Reason:
    """Returns why a file of no allowed format is rejected, by its first bytes."""
    return Reason.FORMAT_NOT_ALLOWED if other_format_of(first) else Reason.NOT_AN_IMAGE


def reject_header(first: bytes) -> Reason | None:
    """Returns the limit that a file of an allowed format breaks by its first bytes, or None.

    A header that is broken, or longer than the `HEADER_BYTES` looked at, is left to processing.
    """
    first = first[:HEADER_BYTES]
    name = format_of(first)
    try:
        if name and name in _HEADERS:
            check_header(_HEADERS[name](io.BytesIO(first)))
        elif name:
            _check_pixels(*_size(name, first))
    except RejectedImageError as rejected:
        return rejected.reason
    except Image.DecompressionBombError:  # by Pillow, of a GIF's frame that exceeds its canvas
        return Reason.TOO_MANY_PIXELS
    except UNREADABLE:
        return None
    return None


def pixels_of(first: bytes) -> int | None:
    """Returns the number of pixels that a file's first `HEADER_BYTES` announce, or None."""
    first = first[:HEADER_BYTES]
    name = format_of(first)
    try:
        return math.prod(_size(name, first)) if name else None
    except (*UNREADABLE, Image.DecompressionBombError):
        return None


def _size(name: str, first: bytes) -> tuple[int, int]:
    if name == "WEBP":
        return _webp_size(first)
    return _avif_size(first) if name == "AVIF" else _HEADERS[name](io.BytesIO(first)).size


def _has_too_many_pages(image: Image.Image) -> bool:
    """Seeks through a TIFF up to the limit: Pillow's page count takes quadratic time."""
    if not isinstance(image, TiffImageFile):
        return False
    try:
        for page in range(1, MAX_FRAMES + 1):
            image.seek(page)
    except EOFError:
        return False
    finally:
        image.seek(0)
    return True


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
