"""Renditions carry pixels only: what a camera or a person wrote into a file stays out."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

import pytest
from PIL import Image, ImageCms, PngImagePlugin

from tests.unit.pictures import encoded, noise, orientation, processed

SECRET = b"Ada Lovelace, 52.5200 N 13.4050 E"
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">' + SECRET + b"</x:xmpmeta>"
START_OF_SCAN, COMMENT, JFIF = 0xDA, 0xFE, 0xE0
APPLICATION_SEGMENTS = range(0xE0, 0xF0)


def exif_block() -> Image.Exif:
    exif = orientation(6)
    exif[0x010F], exif[0x013B] = "Maker", SECRET.decode()
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)
    return exif


def icc_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def with_everything(format_: str) -> bytes:
    profile, exif = icc_profile(), exif_block()
    if format_ == "PNG":
        texts = PngImagePlugin.PngInfo()
        texts.add_text("Author", SECRET.decode())
        texts.add_itxt("XML:com.adobe.xmp", XMP.decode())
        return encoded(
            noise(), "PNG", exif=exif, icc_profile=profile, pnginfo=texts, dpi=(300, 300)
        )
    if format_ == "GIF":
        return encoded(noise(), "GIF", comment=SECRET)
    extra = {"comment": SECRET, "dpi": (300, 300)} if format_ == "JPEG" else {}
    return encoded(noise(), format_, exif=exif, icc_profile=profile, xmp=XMP, **extra)


def segments(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Yields marker and content of a JPEG's segments up to its picture data (ITU-T T.81, B.1.1)."""
    assert body[:2] == b"\xff\xd8"
    position, marker = 2, 0
    while marker != START_OF_SCAN:
        mark, marker, length = struct.unpack(">BBH", body[position : position + 4])
        assert mark == 0xFF
        yield marker, body[position + 4 : position + 2 + length]
        position += 2 + length


def rendition_bodies(format_: str) -> list[bytes]:
    return [rendition.body for rendition in processed(with_everything(format_)).renditions]


FORMATS = pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF"])


@FORMATS
def test_the_picture_that_is_put_in_does_hold_what_must_not_come_out(format_: str) -> None:
    assert SECRET in with_everything(format_)


@FORMATS
def test_no_rendition_holds_a_word_of_the_originals_metadata(format_: str) -> None:
    assert not any(SECRET in body or b"Maker" in body for body in rendition_bodies(format_))


@FORMATS
def test_a_rendition_has_no_application_segment_but_the_plain_jfif_header(format_: str) -> None:
    for body in rendition_bodies(format_):
        told = [part for part in segments(body) if part[0] in APPLICATION_SEGMENTS]
        assert told == [(JFIF, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0")]


@FORMATS
def test_a_rendition_has_no_comment(format_: str) -> None:
    for body in rendition_bodies(format_):
        assert COMMENT not in [marker for marker, _ in segments(body)]


@FORMATS
def test_a_rendition_ends_where_its_picture_ends(format_: str) -> None:
    for body in rendition_bodies(format_):
        assert body.endswith(b"\xff\xd9")


@FORMATS
def test_pillow_finds_nothing_but_the_header_in_a_rendition(format_: str) -> None:
    for body in rendition_bodies(format_):
        with Image.open(io.BytesIO(body)) as image:
            assert dict(image.getexif()) == {}
            assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
