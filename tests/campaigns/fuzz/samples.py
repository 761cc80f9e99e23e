"""Valid small files in every allowed format, the same on every machine; to be damaged."""

import io
from collections.abc import Sequence
from functools import cache
from typing import Any

from PIL import Image, ImageCms, PngImagePlugin

from infra.demo.photographs import photographs
from tests.campaigns.fuzz.files import CANARY

_MEGAPIXELS = 0.01
_FRAMES = 3
_ORIENTATION, _MAKE = 0x0112, 0x010F


@cache
def samples() -> dict[str, bytes]:
    """Returns the files by description; about 200 kB."""
    picture, *others = _pictures()
    palette = picture.quantize(64)
    grey, clear = picture.convert("L"), picture.convert("RGBA")
    clear.putalpha(grey)
    metadata: dict[str, Any] = {"exif": _exif(), "icc_profile": _profile()}
    return {
        "JPEG": _encoded(picture, "JPEG", comment=CANARY, xmp=_xmp(), **metadata),
        "JPEG, progressive": _encoded(picture, "JPEG", progressive=True),
        "JPEG, CMYK": _encoded(picture.convert("CMYK"), "JPEG"),
        "JPEG, grey, with restarts": _encoded(grey, "JPEG", restart_marker_rows=1),
        "JPEG, several pictures": _encoded(picture, "MPO", others),
        "PNG": _encoded(picture, "PNG", pnginfo=_texts(), **metadata),
        "PNG, palette": _encoded(palette, "PNG", transparency=3),
        "PNG, alpha": _encoded(clear, "PNG"),
        "PNG, 16 bits": _encoded(grey.convert("I;16"), "PNG"),
        "PNG, film": _encoded(picture, "PNG", others),
        "WebP": _encoded(picture, "WEBP", xmp=_xmp(), **metadata),
        "WebP, lossless": _encoded(clear, "WEBP", lossless=True),
        "WebP, film": _encoded(picture, "WEBP", others),
        "GIF": _encoded(palette, "GIF", comment=CANARY),
        "GIF, film": _encoded(palette, "GIF", others),
        "TIFF": _encoded(picture, "TIFF", **metadata),
        "TIFF, LZW": _encoded(picture, "TIFF", compression="tiff_lzw"),
        "TIFF, deflate": _encoded(clear, "TIFF", compression="tiff_adobe_deflate"),
        "TIFF, JPEG": _encoded(picture, "TIFF", compression="jpeg"),
        "TIFF, fax": _encoded(picture.convert("1"), "TIFF", compression="group4"),
        "TIFF, pages": _encoded(picture, "TIFF", others),
        "TIFF, big": _encoded(picture, "TIFF", big_tiff=True),
        "AVIF": _encoded(picture, "AVIF", speed=9, xmp=_xmp(), **metadata),
        "AVIF, film": _without_times(_encoded(picture, "AVIF", others, speed=9)),
    }


def _pictures() -> list[Image.Image]:
    made = photographs(_FRAMES, megapixels=_MEGAPIXELS)
    size = (115, 86)
    return [Image.open(io.BytesIO(one.body)).convert("RGB").resize(size) for one in made]


def _encoded(
    picture: Image.Image, format_: str, others: Sequence[Image.Image] = (), **options: Any
) -> bytes:
    """Encodes copies: a picture keeps options of its last encoding, which break a TIFF."""
    if others:
        options |= {"save_all": True, "append_images": [other.copy() for other in others]}
    file = io.BytesIO()
    picture.copy().save(file, format_, **options)
    return file.getvalue()


def _without_times(film: bytes) -> bytes:
    """Zeroes the times of creation and modification in a film (ISO/IEC 14496-12, 8.2 to 8.4)."""
    body = bytearray(film)
    for box in (b"mvhd", b"tkhd", b"mdhd"):
        start = body.index(box) + 8
        body[start : start + 16] = bytes(16)
    return bytes(body)


def _exif() -> bytes:
    exif = Image.Exif()
    exif[_ORIENTATION], exif[_MAKE] = 6, CANARY.decode()
    return exif.tobytes()


def _profile() -> bytes:
    """Returns sRGB without its time of creation, bytes 24 to 35 of its header (ICC.1, 7.2)."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = bytes(12)
    return bytes(profile)


def _xmp() -> bytes:
    return b'<x:xmpmeta xmlns:x="adobe:ns:meta/">' + CANARY + b"</x:xmpmeta>"


def _texts() -> PngImagePlugin.PngInfo:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", CANARY.decode())
    texts.add_text("Packed", CANARY.decode() * 50, zip=True)
    texts.add_itxt("XML:com.adobe.xmp", _xmp().decode())
    return texts
