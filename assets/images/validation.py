"""What is accepted as an image, decided from its first bytes and its header, without decoding."""

from __future__ import annotations

from enum import StrEnum

from PIL import Image

MAX_IMAGE_BYTES = 10 * 1024 * 1024
MAX_IMAGE_PIXELS = 36_000_000
MAX_FRAMES = 500
ALLOWED_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF")


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
    if image.width * image.height > MAX_IMAGE_PIXELS:
        raise RejectedImageError(Reason.TOO_MANY_PIXELS)
    if getattr(image, "n_frames", 1) > MAX_FRAMES:
        raise RejectedImageError(Reason.TOO_MANY_FRAMES)
