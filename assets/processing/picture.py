"""From a file to a picture: the right way up, in sRGB, on white, no larger than it is needed."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import BITSPERSAMPLE, PHOTOMETRIC_INTERPRETATION, TiffImageFile

from assets.processing.colours import to_srgb
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
_RESIZABLE = ("L", "RGB", "CMYK")
_WITH_ALPHA = {"LA": "L", "RGBA": "RGB"}
_WHITE_IS_ZERO = 0


def load(image: Image.Image, needed_px: int | None) -> Image.Image:
    """Decodes an opened image, no larger than needed; its colours are still those of the file.

    A JPEG is decoded at a half, a quarter or an eighth of its size where that is enough.

    Args:
        image: Opened, its header checked; it is loaded, and a JPEG smaller than it is.
        needed_px: The longest side that is needed; None: all of it.

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
    """Returns the picture in sRGB, on white where it was transparent, turned as it is looked at.

    A profile that is broken, or about another kind of picture, counts as none.
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


def _decode_small(image: Image.Image, needed_px: int) -> tuple[float, float, float, float] | None:
    """Asks the decoder for fewer pixels; returns which of them the picture covers, if it can."""
    width, height = (math.ceil(REDUCING_GAP * side) for side in fitted(image.size, needed_px))
    drafted = image.draft(None, (width, height))
    return (0.0, 0.0, *drafted[1][2:]) if drafted else None


def _resizable(image: Image.Image) -> Image.Image:
    """Returns the pixels in a mode that can be made smaller, in 8 bits."""
    if image.mode.startswith("I") or image.mode == "F":
        return _eight_bits(image)
    if image.has_transparency_data:
        return image.convert("LA" if image.mode in ("1", "L", "LA", "La") else "RGBA")
    if image.mode == "1":
        return image.convert("L")
    return image if image.mode in _RESIZABLE else image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Returns grey of more than 8 bits, which Pillow would clip, in 8 bits."""
    levels = np.nan_to_num(np.asarray(image, dtype=np.float32), posinf=0, neginf=0)
    black, white = _black_and_white(image, levels)
    grey = (levels - black) * (255 / (white - black)) if white != black else levels * 0
    picture = Image.fromarray(grey.round().clip(0, 255).astype(np.uint8))
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        picture.putalpha(Image.fromarray(np.where(levels == clear, 0, 255).astype(np.uint8)))
    return picture


def _black_and_white(image: Image.Image, levels: np.ndarray) -> tuple[float, float]:
    """Returns which levels are black and white.

    16 bits and fewer have their own; fractions go from 0 to 1. Other numbers have no agreed scale:
    the least is black then, and the greatest white.
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
