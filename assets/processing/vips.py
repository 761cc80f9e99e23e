"""The accelerated engine: libvips decodes and shrinks; the platform's processor does the rest.

`IMAGE_PROCESSOR=assets.processing.vips:process` selects it; it needs the extra `fast`. JPEG, PNG
and WebP in common modes are decoded by libvips, all others by Pillow. Pillow also decides on what
libvips cannot decode, so that a rejection has the same reason with both engines. There is one
difference: a JPEG that is broken after a complete picture is processed here and corrupt to Pillow.
"""

from functools import cache
from typing import Any

from PIL import Image

from assets.processing import picture, processor
from assets.processing.contract import ProcessedImage, ProcessorError
from assets.processing.recipe import Recipe
from assets.processing.steps import REDUCING_GAP, fitted

_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_FORMATS = ("JPEG", "PNG", "WEBP")
_JPEG_SHRINKS = (8, 4, 2)
_WEBP_GAP = 2.0

_PNG_SIGNATURE_BYTES = 8
_PNG_CHUNK_BYTES = 12
_PNG_DATA, _PNG_END = b"IDAT", b"IEND"


def process(body: bytes, recipe: Recipe) -> ProcessedImage:
    """Makes a recipe's renditions like `processor.process`, but faster.

    Raises `RejectedImageError` with the reason when the bytes are not an acceptable image,
    `ProcessorError` when libvips is not installed.
    """
    vips = _libvips()
    version = ".".join(str(vips.version(part)) for part in range(3))
    return processor.process_with(f"libvips {version}", load, body, recipe)


def load(image: Image.Image, body: bytes, needed_px: int | None) -> Image.Image:
    """Decodes an opened image like `picture.load`, by libvips if it can."""
    if needed_px is not None and _is_for_libvips(image, body, needed_px):
        small = _decoded(body, str(image.format), image.size, needed_px)
        if small is not None:
            image.info.setdefault("exif", b"")  # else Pillow decodes a PNG to look for EXIF
            return small
    return picture.load(image, needed_px)


@cache
def _libvips() -> Any:
    """Loads libvips with only the three loaders that are hardened against hostile files."""
    try:
        import pyvips
    except (ImportError, OSError) as error:
        raise ProcessorError(
            "The libvips engine needs pyvips and pyvips-binary: install darkroom[fast], "
            "or choose another IMAGE_PROCESSOR."
        ) from error
    pyvips.block_untrusted_set(True)
    pyvips.operation_block_set("VipsForeignLoad", True)
    for format_ in _FORMATS:
        pyvips.operation_block_set(f"VipsForeignLoad{format_.capitalize()}", False)
    pyvips.concurrency_set(1)
    pyvips.cache_set_max(0)
    return pyvips


def _is_for_libvips(image: Image.Image, body: bytes, needed_px: int) -> bool:
    """Returns whether libvips sees the same picture as Pillow and has to shrink it."""
    return (
        image.format in _FORMATS
        and image.mode in _MODES.values()
        and max(image.size) > needed_px
        and getattr(image, "n_frames", 1) == 1
        and (image.format != "PNG" or _ends_with_data(body))
    )


def _ends_with_data(png: bytes) -> bool:
    """Returns whether a PNG ends after its data: only Pillow reads what follows, such as EXIF."""
    at, kind, before = _PNG_SIGNATURE_BYTES, b"", b""
    while at < len(png) and kind != _PNG_END:
        before, kind = kind, png[at + 4 : at + 8]
        at += int.from_bytes(png[at : at + 4]) + _PNG_CHUNK_BYTES
    return (before, kind) == (_PNG_DATA, _PNG_END)


def _decoded(
    body: bytes, format_: str, size: tuple[int, int], needed_px: int
) -> Image.Image | None:
    """Returns the picture in the size that Pillow gives it; None if libvips reports an error."""
    vips = _libvips()
    width, height = fitted(size, needed_px)
    options = _decode_small(format_, max(size) / needed_px)
    try:
        whole = vips.Image.new_from_buffer(
            body, "", access="sequential", fail_on="warning", **options
        )
        if whole.format != "uchar":
            return None
        small = whole.resize(width / whole.width, vscale=height / whole.height, kernel="cubic")
        pixels = small.write_to_memory()
    except vips.Error:
        return None  # Pillow decides what is wrong, if anything is
    return Image.frombytes(_MODES[small.bands], (small.width, small.height), pixels)


def _decode_small(format_: str, ratio: float) -> dict[str, float]:
    """Returns the options by which a decoder gives fewer pixels, where enough are left."""
    if format_ == "JPEG":
        shrinks = [shrink for shrink in _JPEG_SHRINKS if ratio / shrink >= REDUCING_GAP]
        return {"shrink": shrinks[0]} if shrinks else {}
    if format_ == "WEBP" and ratio >= _WEBP_GAP:
        return {"scale": 1 / ratio}
    return {}
