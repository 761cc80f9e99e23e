"""From a file to a picture: the right way up, in sRGB, on white, no larger than it is needed."""

from __future__ import annotations

import io
from functools import cache

from PIL import Image, ImageCms

from assets.images.processing.steps import REDUCING_GAP

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SPACES = {"RGB": "RGB ", "L": "GRAY", "CMYK": "CMYK"}
"""Colour spaces of ICC profiles, by the mode of the pictures that they are about."""


def load(image: Image.Image, needed_px: int | None) -> Image.Image:
    """Decodes an opened image, no larger than needed; its colours are still those of the file.

    Args:
        image: Opened, its header checked; it is loaded, and a JPEG smaller than it is.
        needed_px: The longest side that is needed; None: all of it.
    """
    if needed_px is not None:
        image.draft(None, (needed_px * 2, needed_px * 2))
    image.load()
    plain = _resizable(image)
    if needed_px is not None and max(plain.size) > needed_px:
        side = (needed_px, needed_px)
        plain.thumbnail(side, Image.Resampling.BICUBIC, reducing_gap=REDUCING_GAP)
    return plain


def normalise(picture: Image.Image, icc_profile: bytes | None, orientation: int) -> Image.Image:
    """Returns the picture in sRGB, on white where it was transparent, turned as it is looked at.

    A profile that is broken, or about another kind of picture, counts as none.
    """
    alpha = None
    if picture.mode == "RGBA":
        alpha, picture = picture.getchannel("A"), picture.convert("RGB")
    colours = _in_srgb(picture, icc_profile) if icc_profile else picture.convert("RGB")
    if alpha is not None:
        flat = Image.new("RGB", colours.size, "white")
        flat.paste(colours, mask=alpha)
        colours = flat
    turned = colours.transpose(_TURNS[orientation]) if orientation in _TURNS else colours
    turned.info = {}
    return turned


def _resizable(image: Image.Image) -> Image.Image:
    """Returns the pixels in a mode that can be made smaller: L, RGB, RGBA or CMYK."""
    if image.mode.startswith("I"):
        return _eight_bits(image)
    if image.has_transparency_data:
        return image.convert("RGBA")
    if image.mode in ("1", "F"):
        return image.convert("L")
    return image.copy() if image.mode in _SPACES else image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Returns 16-bit grey, which Pillow would clip, in 8 bits."""
    levels = image.convert("I")
    return levels.point(lambda level: level * (1 / 257)).convert("L")


def _in_srgb(picture: Image.Image, icc_profile: bytes) -> Image.Image:
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile))
        if profile.profile.xcolor_space != _SPACES[picture.mode] or _is_srgb(profile):
            return picture.convert("RGB")
        turned = ImageCms.profileToProfile(picture, profile, _srgb(), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return picture.convert("RGB")
    return turned or picture.convert("RGB")


def _is_srgb(profile: ImageCms.ImageCmsProfile) -> bool:
    return "sRGB" in (profile.profile.profile_description or "")


@cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
