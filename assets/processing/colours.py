"""Colours by an embedded ICC profile made into those of sRGB."""

from __future__ import annotations

import io
from functools import cache, lru_cache

import numpy as np
from PIL import Image, ImageCms

_SPACES = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK"}
"""Colour spaces of ICC profiles, by the mode of the pictures that they are about."""

_MAX_PROFILE_BYTES = 4 * 1024 * 1024
"""Profiles of printing presses, the largest that are in use, have one to three megabytes."""

_INVISIBLE_LEVELS = 2
_STEPS = range(0, 256, 51)


def to_srgb(picture: Image.Image, icc_profile: bytes | None) -> Image.Image:
    """Returns a picture in mode L, RGB or CMYK as RGB, in the colours of sRGB.

    A profile that is broken, beyond 4 MiB or about another kind of picture counts as none, and a
    picture without one as sRGB. It may be `picture` itself.
    """
    transform = _transform(icc_profile, picture.mode) if icc_profile else None
    if transform is None:
        return picture if picture.mode == "RGB" else picture.convert("RGB")
    return transform.apply(picture)


@lru_cache(maxsize=4)
def _transform(icc_profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Returns the way to sRGB; None if there is none, or if it would change nothing.

    The last few are kept: a camera writes one profile into all of its pictures.
    """
    if len(icc_profile) > _MAX_PROFILE_BYTES:
        return None
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile))
        if profile.profile.xcolor_space.strip() != _SPACES[mode]:
            return None
        transform = ImageCms.buildTransform(profile, _srgb(), mode, "RGB")
        return transform if _changes(transform, mode) else None
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


def _changes(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Tries a few colours: most profiles are sRGB's own, under many names."""
    before = _samples(mode)
    after = np.asarray(transform.apply(before), dtype=np.int16)
    return bool(np.abs(after - np.asarray(before.convert("RGB"))).max() > _INVISIBLE_LEVELS)


def _samples(mode: str) -> Image.Image:
    """Returns a picture of colours from all over an RGB, grey or CMYK space."""
    colours = bytes(value for r in _STEPS for g in _STEPS for b in _STEPS for value in (r, g, b))
    return Image.frombytes("RGB", (len(colours) // 3, 1), colours).convert(mode)


@cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
