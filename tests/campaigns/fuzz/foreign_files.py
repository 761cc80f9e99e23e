"""Polyglots, files that are not images, and images in formats that are not allowed."""

import io
import zipfile
from collections.abc import Iterator
from functools import partial
from time import gmtime

from PIL import Image

from assets.validation.headers import ALLOWED_FORMATS
from assets.validation.reasons import Reason
from tests.campaigns.fuzz.files import CANARY, PROCESSED, HostileFile, expecting, named
from tests.campaigns.fuzz.jpeg import segment, with_segments
from tests.campaigns.fuzz.other_formats import gif, gif_frame
from tests.campaigns.fuzz.png import chunk, png
from tests.campaigns.fuzz.samples import samples

_REFUSED = expecting(Reason.NOT_AN_IMAGE, Reason.FORMAT_NOT_ALLOWED)
_HTML = b"<html><script>alert('" + CANARY + b"')</script></html>"
_SCRIPT = b"/*" + CANARY + b"*/=1;alert(1)//"
_POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%touch /tmp/x) (w) file\n"
# Formats that Pillow writes and the platform refuses; each has a parser that must not be reached.
_FOREIGN = (
    *("BMP", "DDS", "DIB", "EPS", "ICNS", "ICO", "IM", "JPEG2000", "MSP", "PCX", "PDF"),
    *("PPM", "QOI", "SGI", "SPIDER", "TGA", "XBM"),
)


def hostile_foreign_files() -> Iterator[HostileFile]:
    """Yields polyglots, files that are not images and files in other formats."""
    yield from _polyglots()
    yield from _non_images()
    for format_ in _FOREIGN:
        make = partial(_foreign, format_)
        yield HostileFile("wrong extension", f"{format_} called photo.png", make, _REFUSED)


def _polyglots() -> Iterator[HostileFile]:
    archive, jpeg = _archive(), samples()["JPEG"]
    both = {
        "JPEG and ZIP": jpeg + archive,
        "JPEG with HTML in its comment": with_segments(segment(0xFE, _HTML)),
        "JPEG and a JPEG": jpeg + jpeg,
        "GIF and JavaScript": gif(1, 1, gif_frame()) + _SCRIPT,
        "PNG and HTML": png(8, 8, 200, chunk(b"tEXt", b"Comment\0" + _HTML)) + _HTML,
        "PNG and a program": samples()["PNG"] + b"\x7fELF\x02\x01\x01" + CANARY * 100,
        "TIFF and ZIP": samples()["TIFF"] + archive,
        "WebP and a shell script": samples()["WebP"] + b"\n#!/bin/sh\ntouch /tmp/" + CANARY,
    }
    yield from named("polyglot", "{}", both, bytes, expecting(PROCESSED))
    script = b"GIF89a" + _SCRIPT + samples()["GIF"][6:]
    others = {
        "PDF and JPEG": b"%PDF-1.7\n1 0 obj<<>>stream\n" + jpeg + b"\nendstream\n%%EOF",
        "HTML and JPEG": _HTML + jpeg,
        "ZIP and JPEG": archive + jpeg,
        "PostScript and JPEG": _POSTSCRIPT + jpeg,
    }
    yield from named("polyglot", "{}", others, bytes, _REFUSED)
    yield HostileFile("polyglot", "GIF whose size is JavaScript", partial(bytes, script))
    by_format = {name.upper(): body for name, body in samples().items()}
    for name in ALLOWED_FORMATS:
        for other in ALLOWED_FORMATS:
            body = by_format[name] + by_format[other]
            yield HostileFile("polyglot", f"{name} and then {other}", partial(bytes, body))


def _non_images() -> Iterator[HostileFile]:
    yield HostileFile("nothing", "no bytes", bytes, expecting(Reason.EMPTY))
    ten = 10 * 1024 * 1024
    too_large = expecting(Reason.TOO_LARGE)
    yield HostileFile("nothing", "10 MiB and a byte", partial(_padded, ten + 1), too_large)
    for length in (1, 2, 3, 4, 8, 12, 64, 1000, ten):
        yield HostileFile("nothing", f"{length} zero bytes", partial(bytes, length), _REFUSED)
    texts = {
        "HTML": _HTML,
        "SVG": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
        "SVG of entities": b'<!DOCTYPE a [<!ENTITY b "' + b"c" * 9000 + b'">]><svg>&b;&b;</svg>',
        "PostScript": _POSTSCRIPT,
        "PDF": b"%PDF-1.7\n%%EOF",
        "a program": b"\x7fELF\x02\x01\x01" + bytes(200),
        "an MVG script": b"push graphic-context\nimage over 0,0 0,0 'ephemeral:/tmp/x'\n",
        "HEIC": b"\0\0\0\x18ftypheic\0\0\0\0heicmif1" + bytes(100),
        "a film": b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + bytes(100),
        "PSD": b"8BPS\0\1" + bytes(6) + b"\0\3\0\0\0\x08\0\0\0\x08\0\x08\0\3" + bytes(300),
        "WMF": b"\xd7\xcd\xc6\x9a" + bytes(100),
        "FITS": b"SIMPLE  =                    T" + b" " * 3000,
        "a FLI film": b"\x80\0\0\0\x11\xaf" + bytes(200),
        "ZIP": _archive(),
    }
    yield from named("wrong extension", "{} called photo.jpg", texts, bytes, _REFUSED)


def _padded(length: int) -> bytes:
    return samples()["JPEG"].ljust(length, b"\0")


def _archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo("evil.html"), _HTML)
    return file.getvalue()


def _foreign(format_: str) -> bytes:
    modes = {"MSP": "1", "XBM": "1", "SPIDER": "F", "ICNS": "RGBA"}
    size = (32, 32) if format_ != "DIB" else (16, 16)
    file = io.BytesIO()
    dates = {"creationDate": gmtime(0), "modDate": gmtime(0)} if format_ == "PDF" else {}
    Image.new(modes.get(format_, "RGB"), size).save(file, format_, **dates)
    return file.getvalue()
