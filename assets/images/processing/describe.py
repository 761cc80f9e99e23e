"""What is found out about an image: from its header and EXIF, and from a small picture of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import imagehash
import numpy as np
from PIL import ExifTags, Image, ImageFilter, ImageStat

from assets.images.processing.steps import shrink

_SMALL_PX = 256
_LONGEST_TEXT = 80
_COLOURS = 5
_LEVELS = 255
_UPRIGHT = 1
_EXIF_TIME = "%Y:%m:%d %H:%M:%S"
_LAPLACIAN = ImageFilter.Kernel((3, 3), (0, 1, 0, 1, -4, 1, 0, 1, 0), scale=8, offset=128)


@dataclass(frozen=True)
class HeaderFacts:
    """What the header says, before anything is decoded.

    Attributes:
        orientation: Of a TIFF only: it turns itself when it is loaded, and forgets it then.
    """

    format: str
    mode: str
    size: tuple[int, int]
    frames: int
    has_alpha: bool
    orientation: int | None


@dataclass(frozen=True)
class CameraFacts:
    """What a camera wrote into the file; where it was taken is never read."""

    orientation: int | None = None
    make: str | None = None
    model: str | None = None
    captured_at: datetime | None = None

    @property
    def turn(self) -> int:
        """The orientation to apply: upright where the file says nothing."""
        return self.orientation or _UPRIGHT


class Looks(NamedTuple):
    """What a picture looks like, as numbers; see `ImageFacts`."""

    brightness: float
    contrast: float
    sharpness: float
    dominant_colours: tuple[str, ...]
    perceptual_hash: int


def read_header(image: Image.Image) -> HeaderFacts:
    """Reads what an opened image says of itself."""
    is_tiff = image.format == "TIFF"
    return HeaderFacts(
        format=str(image.format),
        mode=image.mode,
        size=image.size,
        frames=getattr(image, "n_frames", 1),
        has_alpha=image.has_transparency_data,
        orientation=read_camera(image).turn if is_tiff else None,
    )


def read_camera(image: Image.Image) -> CameraFacts:
    """Reads a loaded image's EXIF; one that is broken says nothing."""
    try:
        exif = image.getexif()
        details = exif.get_ifd(ExifTags.IFD.Exif)
    except (SyntaxError, ValueError, TypeError, LookupError, OSError, EOFError, RuntimeError):
        return CameraFacts()
    orientation = exif.get(ExifTags.Base.Orientation)
    return CameraFacts(
        orientation=orientation if orientation in range(1, 9) else None,
        make=_text(exif.get(ExifTags.Base.Make)),
        model=_text(exif.get(ExifTags.Base.Model)),
        captured_at=_time(details.get(ExifTags.Base.DateTimeOriginal)),
    )


def look_at(picture: Image.Image) -> Looks:
    """Describes an RGB picture; of a large one, a small copy."""
    small = shrink(picture, _SMALL_PX)
    grey = small.convert("L")
    [mean], [deviation] = ImageStat.Stat(grey).mean, ImageStat.Stat(grey).stddev
    return Looks(
        brightness=mean / _LEVELS,
        contrast=deviation / _LEVELS,
        sharpness=_sharpness(grey),
        dominant_colours=_dominant_colours(small),
        perceptual_hash=_perceptual_hash(grey),
    )


def _sharpness(grey: Image.Image) -> float:
    """Returns the variance of the Laplacian, of grey values from 0 to 1."""
    if min(grey.size) < 3:
        return 0.0
    edges = np.asarray(grey.filter(_LAPLACIAN), dtype=np.float32)[1:-1, 1:-1]
    return float(np.var((edges - 128) * 8 / _LEVELS))


def _dominant_colours(small: Image.Image) -> tuple[str, ...]:
    counted = small.quantize(_COLOURS, method=Image.Quantize.MEDIANCUT)
    palette = counted.getpalette() or []
    most = sorted(counted.getcolors() or [], reverse=True)
    starts = (3 * int(index) for _, index in most)  # type: ignore[arg-type]
    return tuple("#" + bytes(palette[at : at + 3]).hex() for at in starts)


def _perceptual_hash(grey: Image.Image) -> int:
    """Returns the hash as PostgreSQL's bigint has it: signed."""
    bits = imagehash.phash(grey).hash.flatten()
    return int.from_bytes(np.packbits(bits).tobytes(), signed=True)


def _text(value: object) -> str | None:
    """Returns printable text of bounded length; None if there is none."""
    if not isinstance(value, str):
        return None
    return "".join(filter(str.isprintable, value))[:_LONGEST_TEXT].strip() or None


def _time(value: object) -> datetime | None:
    try:
        return datetime.strptime(str(value).strip("\0 "), _EXIF_TIME)  # noqa: DTZ007 - has no zone
    except ValueError:
        return None
