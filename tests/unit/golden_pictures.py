"""Photographs in disguise, and how each must look once it is processed.

The pictures in `golden/` are the photographs themselves, made small by Pillow's plain resampling
and kept without loss; nothing of the processor is in them. `.venv/bin/python -m
tests.unit.golden_pictures` makes them again, which is needed when a photograph or a size changes.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from tests.unit.pictures import encoded, orientation, photograph
from tests.unit.profiles import DISPLAY_P3, from_srgb, matrix_profile

GOLDEN = Path(__file__).parent / "golden"
SMALL = (256, 171)


def turned() -> tuple[Image.Image, bytes]:
    """Held sideways, as most telephones write it."""
    shown = photograph(1000, 1500, "astronaut.png")
    stored = shown.transpose(Image.Transpose.ROTATE_90)
    return shown, encoded(stored, "JPEG", quality=95, exif=orientation(6))


def large() -> tuple[Image.Image, bytes]:
    """So large that a JPEG is decoded at half its size."""
    shown = photograph(3600, 2400, "motorcycle_left.png")
    return shown, encoded(shown, "JPEG", quality=92)


def wide_gamut() -> tuple[Image.Image, bytes]:
    """In the numbers of a telephone's screen, and a profile that says so."""
    shown = photograph(1200, 800, "coffee.png")
    stored = Image.fromarray(from_srgb(np.asarray(shown), DISPLAY_P3))
    return shown, encoded(stored, "WEBP", lossless=True, icc_profile=matrix_profile(DISPLAY_P3))


def cut_out() -> tuple[Image.Image, bytes]:
    """Transparent towards the edges, with black behind what is not seen."""
    photo = photograph(1200, 800, "chelsea.png")
    alpha = ImageOps.invert(Image.radial_gradient("L").resize(photo.size))
    shown = Image.composite(photo, Image.new("RGB", photo.size, "white"), alpha)
    stored = photo.copy()
    stored.putalpha(alpha)
    return shown, encoded(stored, "PNG", compress_level=1)


def inks() -> tuple[Image.Image, bytes]:
    """In cyan, magenta, yellow and black."""
    shown = photograph(1200, 800, "rocket.jpg")
    return shown, encoded(shown.convert("CMYK"), "TIFF", compression="tiff_lzw")


def deep() -> tuple[Image.Image, bytes]:
    """Grey in 16 bits."""
    shown = photograph(1200, 800, "camera.png").convert("L")
    levels = np.asarray(shown).astype(np.uint16) * 257
    return shown.convert("RGB"), encoded(Image.fromarray(levels), "PNG")


DISGUISES: dict[str, Callable[[], tuple[Image.Image, bytes]]] = {
    made.__name__: made for made in (turned, large, wide_gamut, cut_out, inks, deep)
}


def golden(name: str) -> Image.Image:
    with Image.open(GOLDEN / f"{name}.png") as image:
        return image.convert("RGB")


if __name__ == "__main__":
    for name, disguise in DISGUISES.items():
        shown, _ = disguise()
        size = SMALL if shown.width > shown.height else SMALL[::-1]
        shown.resize(size, Image.Resampling.BICUBIC).save(GOLDEN / f"{name}.png", optimize=True)
