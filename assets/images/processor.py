"""From bytes to renditions: a pure function over Pillow, run in worker processes only.

Rules from Pillow's security handbook: formats by allow-list, decompression-bomb warnings are
errors, truncated files are refused.
"""

from __future__ import annotations

import hashlib
import io
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError

from assets.images.recipe import Recipe
from assets.images.validation import (
    ALLOWED_FORMATS,
    MAX_IMAGE_PIXELS,
    Reason,
    RejectedImageError,
    check_header,
    reject_size,
)

_REDUCING_GAP = 2.0
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = {5, 6, 7, 8}


@dataclass(frozen=True)
class Rendition:
    """One encoded picture made from an image."""

    name: str
    body: bytes
    format: str
    width_px: int
    height_px: int


@dataclass(frozen=True)
class ProcessedImage:
    """What is known of an image after processing, and its renditions.

    Attributes:
        format: Format by content, as Pillow names it.
        mode: Pixel mode of the original, as Pillow names it.
        width_px: Width of the original as it is looked at, orientation applied.
        height_px: Height of the original as it is looked at, orientation applied.
        sha256: Digest of the original's bytes.
        seconds: Time that decoding, resizing and encoding took.
        renditions: Largest first.
    """

    format: str
    mode: str
    width_px: int
    height_px: int
    sha256: bytes
    seconds: float
    renditions: tuple[Rendition, ...]


def process(body: bytes, recipe: Recipe) -> ProcessedImage:
    """Makes a recipe's renditions: orientation applied, on white where transparent, no metadata.

    Raises `RejectedImageError` with the reason when the bytes are not an acceptable image.
    """
    started = time.perf_counter()
    if reason := reject_size(len(body)):
        raise RejectedImageError(reason)
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    Image.MAX_IMAGE_PIXELS = MAX_IMAGE_PIXELS
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(body), formats=ALLOWED_FORMATS) as image:
                return _process_opened(image, body, recipe, started)
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise RejectedImageError(Reason.TOO_MANY_PIXELS) from error
        except UnidentifiedImageError as error:
            raise RejectedImageError(Reason.NOT_AN_IMAGE) from error
        except (RejectedImageError, MemoryError):
            raise
        except Exception as error:
            # Decoders raise anything on hostile bytes; whatever it is, the bytes are at fault.
            raise RejectedImageError(_decoder_reason(error)) from error


def _process_opened(
    image: Image.Image, body: bytes, recipe: Recipe, started: float
) -> ProcessedImage:
    check_header(image)
    image_format, mode, size_in_header = str(image.format), image.mode, image.size
    image.draft(None, (recipe.largest_px * 2, recipe.largest_px * 2))
    image.load()
    # A TIFF turns itself while it loads; a JPEG may have been decoded smaller than it is.
    width, height = image.size if image_format == "TIFF" else size_in_header
    orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    if orientation in _SIDEWAYS:
        width, height = height, width
    renditions = tuple(_cascade(_flattened(image), recipe, orientation))
    return ProcessedImage(
        format=image_format,
        mode=mode,
        width_px=width,
        height_px=height,
        sha256=hashlib.sha256(body).digest(),
        seconds=time.perf_counter() - started,
        renditions=renditions,
    )


def _cascade(image: Image.Image, recipe: Recipe, orientation: int) -> Iterator[Rendition]:
    """Makes each rendition from the one before it; turns the small picture, not the large one."""
    for spec in recipe.renditions:
        side = spec.longest_side_px
        image.thumbnail((side, side), Image.Resampling.BICUBIC, reducing_gap=_REDUCING_GAP)
        turned = image.transpose(_TURNS[orientation]) if orientation in _TURNS else image
        encoded = io.BytesIO()
        turned.save(encoded, "JPEG", quality=recipe.quality)
        yield Rendition(spec.name, encoded.getvalue(), "JPEG", turned.width, turned.height)


def _flattened(image: Image.Image) -> Image.Image:
    """Returns the picture in RGB without any of its metadata, on white where it is transparent."""
    if image.mode.startswith("I"):
        flat = _eight_bits(image).convert("RGB")
    elif not image.has_transparency_data:
        flat = image.convert("RGB")
    else:
        flat = Image.new("RGB", image.size, "white")
        layer = image.convert("RGBA")
        flat.paste(layer, mask=layer)
    flat.info = {}
    return flat


def _eight_bits(image: Image.Image) -> Image.Image:
    """Returns 16-bit grey, which Pillow would clip, in 8 bits."""
    levels = image.convert("I")
    return levels.point(lambda level: level * (1 / 257)).convert("L")


def _decoder_reason(error: Exception) -> Reason:
    """Pillow tells a truncated file from a corrupt one by its message only."""
    return Reason.TRUNCATED if "truncated" in str(error).lower() else Reason.CORRUPT
