"""The bare loops that image processing is compared with: one image in, two JPEG renditions out.

`naive` is what anyone writes first, `tuned` follows Pillow's manual, and `vips` libvips' manual.
None validates, isolates or stores anything: the distance to them is what the platform costs.
"""

import io
import os

from PIL import Image, ImageOps

LARGE_PX = 1024
SMALL_PX = 256
QUALITY = 85


Renditions = tuple[bytes, ...]
"""Two JPEG files of one image, upright, with a longest side of at most 1024 and 256 pixels."""


def naive(body: bytes) -> Renditions:
    """Decodes at full size, turns upright, and makes each rendition from the whole picture.

    Raises `OSError` when Pillow cannot decode the bytes.
    """
    with Image.open(io.BytesIO(body)) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
    return tuple(_jpeg(_thumbnail(upright, side)) for side in (LARGE_PX, SMALL_PX))


def tuned(body: bytes) -> Renditions:
    """Decodes no larger than needed, and makes the small rendition from the large one.

    Transparent pixels become white.

    Raises `OSError` when Pillow cannot decode the bytes.
    """
    with Image.open(io.BytesIO(body)) as image:
        size = _fitted(image.size, LARGE_PX)
        image.draft("RGB", size)
        large = image.convert("RGBA" if image.has_transparency_data else "RGB")
    upright = ImageOps.exif_transpose(large.resize(size, reducing_gap=2.0))
    flat = _on_white(upright)
    return _jpeg(flat), _jpeg(_thumbnail(flat, SMALL_PX))


def vips(body: bytes) -> Renditions:
    """Makes the large rendition while it decodes, and the small one from it.

    Raises `ModuleNotFoundError` when pyvips is not installed.
    """
    os.environ.setdefault("VIPS_CONCURRENCY", "1")  # there is one process per core
    import pyvips

    pyvips.cache_set_max(0)
    large = pyvips.Image.thumbnail_buffer(body, LARGE_PX, height=LARGE_PX, size="down")
    large = large.copy_memory()
    small = large.thumbnail_image(SMALL_PX, height=SMALL_PX, size="down")
    return tuple(one.jpegsave_buffer(Q=QUALITY, keep="none") for one in (large, small))


def _fitted(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Size in pixels with the longest side cut to `side`; a JPEG is drafted to no less."""
    scale = min(1.0, side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _thumbnail(image: Image.Image, side: int) -> Image.Image:
    small = image.copy()
    small.thumbnail((side, side), reducing_gap=2.0)
    return small


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def _jpeg(image: Image.Image) -> bytes:
    """Encodes without metadata; by default Pillow would keep the comment."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY, comment=b"")
    return file.getvalue()
