"""The platform's own processor, based on Pillow; it runs in worker processes only.

Rules from Pillow's security handbook: formats by allow-list, decompression-bomb warnings are
errors, truncated files are refused.
"""

import hashlib
import io
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import PIL
from PIL import Image, ImageFile, UnidentifiedImageError

from assets.catalog.facts import ImageFacts, Seconds
from assets.processing.contract import ProcessedImage, Rendition
from assets.processing.describe import SMALL_PX, measure_visuals, read_camera, read_header
from assets.processing.picture import load as load_picture
from assets.processing.picture import normalise
from assets.processing.recipe import Recipe, RenditionSpec
from assets.processing.steps import Sizes, render
from assets.validation.headers import (
    ALLOWED_FORMATS,
    HEADER_BYTES,
    MAX_IMAGE_PIXELS,
    check_header,
    reject_size,
    reject_unknown,
)
from assets.validation.reasons import Reason, RejectedImageError

NAME = f"pillow {PIL.__version__}"

Load = Callable[[Image.Image, bytes, int | None], Image.Image]
"""Decodes an opened image, like `picture.load`; gets the file's bytes as well."""

_UPRIGHT = 1
_SIDEWAYS = {5, 6, 7, 8}


@dataclass
class _StageTimer:
    seconds: dict[str, float] = field(default_factory=dict)
    since: float = field(default_factory=time.perf_counter)

    def lap(self, stage: str) -> None:
        """Adds the time since the last lap to a stage."""
        now = time.perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self.since
        self.since = now


def process(body: bytes, recipe: Recipe) -> ProcessedImage:
    """Makes a recipe's renditions: upright, in sRGB, on white, without any metadata.

    Raises `RejectedImageError` with the reason when the bytes are not an acceptable image.
    """
    return process_with(NAME, lambda image, _, px: load_picture(image, px), body, recipe)


def process_with(name: str, load: Load, body: bytes, recipe: Recipe) -> ProcessedImage:
    """Does what `process` does with another engine: its name with version, and its decoder."""
    if reason := reject_size(len(body)):
        raise RejectedImageError(reason)
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    Image.MAX_IMAGE_PIXELS = MAX_IMAGE_PIXELS
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(body), formats=ALLOWED_FORMATS) as image:
                check_header(image)
                return _process_opened(name, load, image, body, recipe)
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise RejectedImageError(Reason.TOO_MANY_PIXELS) from error
        except UnidentifiedImageError as error:
            raise RejectedImageError(reject_unknown(body[:HEADER_BYTES])) from error
        except (RejectedImageError, MemoryError):
            raise
        except Exception as error:
            # Decoders raise any exception on hostile bytes, so every one means a bad file.
            raise RejectedImageError(_decoder_reason(error)) from error


def _process_opened(
    name: str, load: Load, image: Image.Image, body: bytes, recipe: Recipe
) -> ProcessedImage:
    timer = _StageTimer()
    header, size = read_header(image), image.size
    # Pillow turns a TIFF when it loads it and forgets its orientation; all others are not turned.
    is_tiff = image.format == "TIFF"
    tiff_turn = read_camera(image).orientation or _UPRIGHT if is_tiff else None
    picture = load(image, body, recipe.needed_px)
    timer.lap("decode")
    camera = read_camera(image)
    turn, size = (_UPRIGHT, image.size) if is_tiff else (camera.orientation or _UPRIGHT, size)
    picture = normalise(picture, image.info.get("icc_profile"), turn)
    timer.lap("render")
    sizes = Sizes(picture)
    renditions = tuple(_render(sizes, recipe, timer))
    visuals = measure_visuals(sizes.at_most(SMALL_PX))
    timer.lap("describe")
    width, height = reversed(size) if turn in _SIDEWAYS else size
    facts = ImageFacts(
        width_px=width,
        height_px=height,
        sha256=hashlib.sha256(body).digest(),
        **header._asdict(),
        **camera._replace(orientation=tiff_turn or camera.orientation)._asdict(),
        **visuals._asdict(),
    )
    return ProcessedImage(facts, renditions, name, Seconds(**timer.seconds))


def _render(sizes: Sizes, recipe: Recipe, timer: _StageTimer) -> Iterator[Rendition]:
    for spec in recipe.renditions:
        made = render(sizes, spec.steps)
        timer.lap("render")
        body = _encode(made, spec)
        timer.lap("encode")
        yield Rendition(spec.name, body, spec.format, made.width, made.height)


def _encode(picture: Image.Image, spec: RenditionSpec) -> bytes:
    encoded = io.BytesIO()
    picture.save(encoded, spec.format, quality=spec.quality)
    return encoded.getvalue()


def _decoder_reason(error: Exception) -> Reason:
    """Pillow distinguishes truncated from corrupt files by the message only."""
    return Reason.TRUNCATED if "truncated" in str(error).lower() else Reason.CORRUPT
