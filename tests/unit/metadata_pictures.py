"""Originals full of what does not belong into a rendition: each place of it carries a canary."""

import struct
import zlib

from PIL import ExifTags, Image, PngImagePlugin
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from tests.unit.pictures import encoded, noise
from tests.unit.profiles import DISPLAY_P3, matrix_profile, srgb_profile

BASE, GPS, IFD = ExifTags.Base, ExifTags.GPS, ExifTags.IFD
CANARY = "Ada-Lovelace-52.5200N-13.4050E"
SECRET = CANARY.encode()
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><dc:creator>' + SECRET + b"</dc:creator></x:xmpmeta>"
SIZES = ((40, 30), (1100, 200))
"""One that is passed on in its own size, and one that is made smaller."""

_IPTC = b"\x1c\x02\x50" + struct.pack(">H", len(SECRET)) + SECRET
_PHOTOSHOP = b"Photoshop 3.0\x008BIM\x04\x04\0\0" + struct.pack(">I", len(_IPTC)) + _IPTC
_DIRECTORIES = {
    IFD.GPSInfo: {GPS.GPSLatitude: (52.0, 31.0, 12.0), GPS.GPSAreaInformation: SECRET},
    IFD.Exif: {
        BASE.MakerNote: b"Maker\0" + SECRET,
        BASE.UserComment: b"ASCII\0\0\0" + SECRET,
        BASE.BodySerialNumber: CANARY,
        BASE.CameraOwnerName: CANARY,
        BASE.DateTimeOriginal: "2025:06:30 23:59:58",
    },
}


def exif() -> Image.Exif:
    block = Image.Exif()
    block[BASE.Make], block[BASE.Model], block[BASE.Orientation] = "Lumen", "Field 50", 6
    for tag in (BASE.Artist, BASE.Copyright, BASE.ImageDescription, BASE.Software):
        block[tag] = CANARY
    for inner, fields in _DIRECTORIES.items():
        block.get_ifd(inner).update(fields)
    return block


def jpeg(size: tuple[int, int]) -> bytes:
    """Every application segment, comments before and behind, a thumbnail, and bytes at the end."""
    thumbnail = encoded(noise(16, 12), "JPEG", comment=SECRET)
    segments = [(0xE0 + number, b"APP\0" + SECRET) for number in range(1, 16) if number != 14]
    segments += [(0xE0, b"JFXX\0\x10" + thumbnail), (0xED, _PHOTOSHOP), (0xFE, SECRET)]
    added = b"".join(
        struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content
        for marker, content in segments
    )
    profile = matrix_profile(DISPLAY_P3)
    body = encoded(
        noise(*size),
        "JPEG",
        exif=exif(),
        xmp=XMP,
        icc_profile=profile,
        comment=SECRET,
        dpi=(96, 96),
    )
    start = 4 + int.from_bytes(body[4:6])
    return body[:start] + added + body[start:] + SECRET


def png(size: tuple[int, int]) -> bytes:
    """Text in all three kinds of chunks, a time, a chunk of nobody's, and bytes at the end."""
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Author", CANARY)
    texts.add_text("Comment", CANARY, zip=True)
    texts.add_itxt("XML:com.adobe.xmp", XMP.decode(), zip=True)
    texts.add_itxt("Title", CANARY, lang="en")
    texts.add(b"tIME", struct.pack(">HBBBBB", 2025, 6, 30, 23, 59, 58))
    texts.add(b"prVt", SECRET, after_idat=True)
    raw = f"\nexif\n{len(SECRET):8}\n{SECRET.hex()}\n".encode()
    texts.add(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(raw))
    body = encoded(
        noise(*size), "PNG", exif=exif(), icc_profile=srgb_profile(), pnginfo=texts, dpi=(300, 300)
    )
    return body + SECRET


def tiff(size: tuple[int, int]) -> bytes:
    tags = ImageFileDirectory_v2()
    for tag, value in {**exif(), 700: XMP, 33723: _IPTC, 34377: _PHOTOSHOP[14:]}.items():
        tags[tag] = value
    for inner, fields in _DIRECTORIES.items():
        tags[inner] = fields
    return encoded(noise(*size), "TIFF", tiffinfo=tags, icc_profile=srgb_profile()) + SECRET


def gif(size: tuple[int, int]) -> bytes:
    body = encoded(noise(*size), "GIF", comment=SECRET)
    application = b"\x21\xff\x0bXMP DataXMP" + XMP + b"\x01" + bytes(range(255, -1, -1)) + b"\0"
    return body[:-1] + application + body[-1:] + SECRET


def webp(size: tuple[int, int]) -> bytes:
    return encoded(noise(*size), "WEBP", exif=exif(), xmp=XMP, icc_profile=srgb_profile()) + SECRET


def avif(size: tuple[int, int]) -> bytes:
    return encoded(noise(*size), "AVIF", exif=exif(), xmp=XMP, icc_profile=srgb_profile()) + SECRET


WITH_METADATA = {"JPEG": jpeg, "PNG": png, "TIFF": tiff, "GIF": gif, "WEBP": webp, "AVIF": avif}
