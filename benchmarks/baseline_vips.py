"""The bare libvips loop: one image in, two JPEG renditions out, as libvips' manual shows it."""

from __future__ import annotations

import os

from benchmarks.naive_pillow import LARGE_PX, QUALITY, SMALL_PX, Renditions


def baseline_vips(body: bytes) -> Renditions:
    """Makes the large rendition while it decodes, and the small one from it.

    Raises:
        ModuleNotFoundError: pyvips is not installed.
    """
    os.environ.setdefault("VIPS_CONCURRENCY", "1")  # a process per core is all there is to use
    import pyvips

    pyvips.cache_set_max(0)
    large = pyvips.Image.thumbnail_buffer(body, LARGE_PX, height=LARGE_PX, size="down")
    large = large.copy_memory()
    small = large.thumbnail_image(SMALL_PX, height=SMALL_PX, size="down")
    return Renditions(*(one.jpegsave_buffer(Q=QUALITY, keep="none") for one in (large, small)))
