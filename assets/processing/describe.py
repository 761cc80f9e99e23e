"""Facts about an image: from its header, its EXIF and a small picture of it."""

from datetime import datetime
from typing import NamedTuple

import imagehash
import numpy as np
from PIL import ExifTags, Image, ImageStat

from assets.processing.steps import fitted
from assets.validation.headers import UNREADABLE

SMALL_PX = 256
"""Longest side of the picture that is measured, in pixels."""

_SAMPLE_PX = 48
_MAX_TEXT_LENGTH = 80
_COLOURS = 5
_LEVELS = 255
_FLAT_LEVELS = 1.0
_EXIF_TIME = "%Y:%m:%d %H:%M:%S"


class HeaderFacts(NamedTuple):
    """What the header says, before anything is decoded; see `ImageFacts`."""

    format: str
    mode: str
    frames: int
    has_alpha: bool


class CameraFacts(NamedTuple):
    """What a camera wrote into the file; the place where it was taken is never read."""

    orientation: int | None = None
    camera_make: str | None = None
    camera_model: str | None = None
    captured_at: datetime | None = None


class VisualFacts(NamedTuple):
    """How a picture looks, in numbers; see `ImageFacts`."""

    brightness: float
    contrast: float
    sharpness: float
    dominant_colours: tuple[str, ...]
    perceptual_hash: int | None


def read_header(image: Image.Image) -> HeaderFacts:
    """Reads the header of an opened image."""
    frames = getattr(image, "n_frames", 1)
    return HeaderFacts(str(image.format), image.mode, frames, image.has_transparency_data)


def read_camera(image: Image.Image) -> CameraFacts:
    """Reads a loaded image's EXIF; broken EXIF counts as none."""
    try:
        exif = image.getexif()
        details = exif.get_ifd(ExifTags.IFD.Exif)
    except UNREADABLE:
        return CameraFacts()
    return CameraFacts(
        orientation=_orientation(exif.get(ExifTags.Base.Orientation)),
        camera_make=_text(exif.get(ExifTags.Base.Make)),
        camera_model=_text(exif.get(ExifTags.Base.Model)),
        captured_at=_time(details.get(ExifTags.Base.DateTimeOriginal)),
    )


def measure_visuals(small: Image.Image) -> VisualFacts:
    """Measures an RGB picture whose longest side is at most `SMALL_PX`."""
    grey = small.convert("L")
    statistics = ImageStat.Stat(grey)
    [mean], [deviation] = statistics.mean, statistics.stddev
    return VisualFacts(
        brightness=mean / _LEVELS,
        contrast=deviation / _LEVELS,
        sharpness=_sharpness(grey),
        dominant_colours=_dominant_colours(small),
        perceptual_hash=_perceptual_hash(grey) if deviation >= _FLAT_LEVELS else None,
    )


def _sharpness(grey: Image.Image) -> float:
    """Returns the variance of the Laplacian, of grey values from 0 to 1.

    Source: Pech-Pacheco et al., “Diatom autofocusing in brightfield microscopy”, ICPR 2000.
    """
    if min(grey.size) < 3:
        return 0.0
    levels = np.asarray(grey, dtype=np.float32) / _LEVELS
    neighbours = levels[:-2, 1:-1] + levels[2:, 1:-1] + levels[1:-1, :-2] + levels[1:-1, 2:]
    return float(np.var(neighbours - 4 * levels[1:-1, 1:-1]))


def _dominant_colours(small: Image.Image) -> tuple[str, ...]:
    """Returns the colours of a sample of pixels: all would take as long as encoding a rendition."""
    sample = small.resize(fitted(small.size, _SAMPLE_PX), Image.Resampling.NEAREST)
    quantized = sample.quantize(_COLOURS, method=Image.Quantize.MEDIANCUT)
    palette = quantized.getpalette() or []
    counts = enumerate(quantized.histogram()[: len(palette) // 3])
    frequent = sorted(((count, index) for index, count in counts if count), reverse=True)
    return tuple("#" + bytes(palette[3 * index : 3 * index + 3]).hex() for _, index in frequent)


def _perceptual_hash(grey: Image.Image) -> int:
    """Returns the hash as a signed 64-bit number, for PostgreSQL's bigint."""
    bits = imagehash.phash(grey).hash.flatten()
    return int.from_bytes(np.packbits(bits).tobytes(), signed=True)


def _orientation(value: object) -> int | None:
    return next((number for number in range(1, 9) if number == value), None)


def _text(value: object) -> str | None:
    """Returns the printable part of a text, of bounded length; None if nothing is left."""
    if not isinstance(value, str):
        return None
    return "".join(filter(str.isprintable, value))[:_MAX_TEXT_LENGTH].strip() or None


def _time(value: object) -> datetime | None:
    try:
        return datetime.strptime(str(value).strip("\0 "), _EXIF_TIME)  # noqa: DTZ007 - EXIF has no time zone
    except ValueError:
        return None
