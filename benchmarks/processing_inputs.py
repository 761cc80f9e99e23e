"""Photographs of known sizes in each format, kept in memory, for the engines to process."""

import io
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image

from infra.demo.photographs import photographs

_DISTINCT = 8
_ENLARGED = 4
_ENCODINGS: dict[str, dict[str, int]] = {
    "JPEG": {"quality": 88},
    "PNG": {"compress_level": 6},
    "WEBP": {"quality": 82, "method": 4},
}
FORMATS = tuple(_ENCODINGS)
SIZES = (2, 12)
"""In megapixels."""


@dataclass(frozen=True)
class Inputs:
    """Some photographs of one format and size.

    Attributes:
        count: How many a measurement processes; the bodies are repeated.
    """

    format: str
    megapixels: int
    bodies: tuple[bytes, ...]
    count: int

    @property
    def name(self) -> str:
        """Format and size, as people read them."""
        return f"{self.format} of {self.megapixels} MP"

    @property
    def sequence(self) -> Iterator[bytes]:
        """The bodies that a measurement processes."""
        return (self.bodies[number % len(self.bodies)] for number in range(self.count))


def make_inputs(format_: str, megapixels: int, total_megapixels: int) -> Inputs:
    """Makes photographs of a format (`JPEG`, `PNG` or `WEBP`) and size for one measurement."""
    # A PNG with a sensor's grain at full size would exceed the largest accepted image.
    scale = _ENLARGED if format_ == "PNG" else 1
    made = photographs(_DISTINCT, megapixels=megapixels / scale**2)
    bodies = tuple(_encoded(photograph.body, format_, scale) for photograph in made)
    return Inputs(format_, megapixels, bodies, max(2, total_megapixels // megapixels))


def _encoded(body: bytes, format_: str, scale: int) -> bytes:
    picture = Image.open(io.BytesIO(body)).convert("RGB")
    if scale != 1:
        size = picture.width * scale, picture.height * scale
        picture = picture.resize(size, Image.Resampling.BICUBIC)
    file = io.BytesIO()
    picture.save(file, format_, **_ENCODINGS[format_])
    return file.getvalue()
