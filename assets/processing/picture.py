"""From a file to a picture: upright, in sRGB, on white, no larger than needed."""

import io
import math
from functools import cache, lru_cache

import numpy as np
from PIL import Image, ImageCms
from PIL.TiffImagePlugin import BITSPERSAMPLE, PHOTOMETRIC_INTERPRETATION, TiffImageFile

from assets.processing.steps import REDUCING_GAP, fitted

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_COLOUR_SPACES = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK"}
"""Colour spaces of ICC profiles, by the mode of the pictures that they describe."""

_MAX_PROFILE_BYTES = 4 * 1024 * 1024
"""Profiles of printing presses, the largest in use, have one to three megabytes."""

_INVISIBLE_LEVELS = 2
_SAMPLE_LEVELS = range(0, 256, 51)
_RESIZABLE = ("L", "RGB", "CMYK")
_WITH_ALPHA = {"LA": "L", "RGBA": "RGB"}
_WHITE_IS_ZERO = 0


def load(image: Image.Image, needed_px: int | None) -> Image.Image:
    """Decodes an opened image, no larger than needed, in the colours of the file.

    A JPEG is decoded at a half, a quarter or an eighth of its size where that is enough.

    Args:
        image: Opened, its header checked; this loads it.
        needed_px: The longest side that is needed, in pixels; None: the full size.

    Returns:
        A picture in mode L, LA, RGB, RGBA or CMYK. It may be `image` itself.
    """
    box = None if needed_px is None else _decode_small(image, needed_px)
    image.load()
    picture = _resizable(image)
    if needed_px is None or max(picture.size) <= needed_px:
        return picture
    return picture.resize(
        fitted(box[2:] if box else picture.size, needed_px),
        Image.Resampling.BICUBIC,
        box=box,
        reducing_gap=REDUCING_GAP,
    )


def normalise(picture: Image.Image, icc_profile: bytes | None, orientation: int) -> Image.Image:
    """Returns the picture in sRGB, upright, on white where it was transparent.

    See `to_srgb` for profiles that are ignored.
    """
    alpha = None
    if picture.mode in _WITH_ALPHA:
        alpha, picture = picture.getchannel("A"), picture.convert(_WITH_ALPHA[picture.mode])
    colours = to_srgb(picture, icc_profile)
    if alpha is not None:
        flat = Image.new("RGB", colours.size, "white")
        flat.paste(colours, mask=alpha)
        colours = flat
    turned = colours.transpose(_TURNS[orientation]) if orientation in _TURNS else colours
    turned.info = {}
    return turned


def to_srgb(picture: Image.Image, icc_profile: bytes | None) -> Image.Image:
    """Converts a picture in mode L, RGB or CMYK to RGB in the colours of sRGB.

    A picture without a profile counts as sRGB, and so does one whose profile is broken, larger than
    4 MiB or for another colour space. The result may be `picture` itself.
    """
    transform = _transform(icc_profile, picture.mode) if icc_profile else None
    if transform is None:
        return picture if picture.mode == "RGB" else picture.convert("RGB")
    return transform.apply(picture)


@lru_cache(maxsize=4)
def _transform(icc_profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Returns the transform to sRGB; None if there is none or it would change nothing visible.

    The last few are cached, because a camera writes the same profile into all of its pictures.
    """
    if len(icc_profile) > _MAX_PROFILE_BYTES:
        return None
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile))
        if profile.profile.xcolor_space.strip() != _COLOUR_SPACES[mode]:
            return None
        transform = ImageCms.buildTransform(profile, _srgb(), mode, "RGB")
        return transform if _is_visible(transform, mode) else None
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


def _is_visible(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Tries a few colours: most profiles are sRGB itself under another name."""
    before = _sample_colours(mode)
    after = np.asarray(transform.apply(before), dtype=np.int16)
    return bool(np.abs(after - np.asarray(before.convert("RGB"))).max() > _INVISIBLE_LEVELS)


def _sample_colours(mode: str) -> Image.Image:
    """Returns a picture of colours that are spread over an RGB, grey or CMYK space."""
    levels = _SAMPLE_LEVELS
    colours = bytes(value for r in levels for g in levels for b in levels for value in (r, g, b))
    return Image.frombytes("RGB", (len(colours) // 3, 1), colours).convert(mode)


@cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def _decode_small(image: Image.Image, needed_px: int) -> tuple[float, float, float, float] | None:
    """Asks the decoder for fewer pixels; returns the box that the picture covers, if it can."""
    width, height = (math.ceil(REDUCING_GAP * side) for side in fitted(image.size, needed_px))
    drafted = image.draft(None, (width, height))
    return (0.0, 0.0, *drafted[1][2:]) if drafted else None


def _resizable(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return _eight_bits(image)
    if image.has_transparency_data:
        return image.convert("LA" if image.mode in ("1", "L", "LA", "La") else "RGBA")
    if image.mode == "1":
        return image.convert("L")
    return image if image.mode in _RESIZABLE else image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Scales grey of more than 8 bits, which Pillow would clip, to 8 bits."""
    levels = np.nan_to_num(np.asarray(image, dtype=np.float32), posinf=0, neginf=0)
    black, white = _black_and_white(image, levels)
    grey = (levels - black) * (255 / (white - black)) if white != black else levels * 0
    picture = Image.fromarray(grey.round().clip(0, 255).astype(np.uint8))
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        picture.putalpha(Image.fromarray(np.where(levels == clear, 0, 255).astype(np.uint8)))
    return picture


def _black_and_white(image: Image.Image, levels: np.ndarray) -> tuple[float, float]:
    """Returns the levels of black and white.

    Integers of up to 16 bits use their whole range, fractions 0 to 1. Other numbers have no agreed
    scale: their minimum counts as black and their maximum as white.
    """
    tags = image.tag_v2 if isinstance(image, TiffImageFile) else {}
    black, white = float(levels.min()), float(levels.max())
    if image.mode.startswith("I;16"):
        bits = tags.get(BITSPERSAMPLE, (16,))[0]
        black, white = 0.0, float(2**bits - 1)
    elif image.mode == "F" and black >= 0 and white <= 1:
        black, white = 0.0, 1.0
    is_inverted = tags.get(PHOTOMETRIC_INTERPRETATION) == _WHITE_IS_ZERO
    return (white, black) if is_inverted else (black, white)
