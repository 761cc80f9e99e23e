"""Hostile JPEG files: sizes, endless scans and inconsistent segments (ITU-T T.81, annex B)."""

import struct
from collections.abc import Iterator
from functools import partial

from assets.validation.reasons import Reason
from tests.campaigns.fuzz.files import CANARY, PROCESSED, HostileFile, expecting, named, sized
from tests.campaigns.fuzz.samples import samples
from tests.campaigns.fuzz.tiff import Entry, nested, tiff

_START, _END = b"\xff\xd8", b"\xff\xd9"
_COMMENT, _EXIF, _PROFILE, _ADOBE = 0xFE, 0xE1, 0xE2, 0xEE
_MAX_SEGMENT_BYTES = 65_533
_EXIF_LOOP: Entry = (34665, 4, 1, 8)


def segment(marker: int, data: bytes, length: int | None = None) -> bytes:
    """Returns a segment; `length` overrides its true length."""
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2 if length is None else length) + data


def with_segments(*parts: bytes) -> bytes:
    """Returns a valid JPEG with segments inserted after its start marker."""
    return _START + b"".join(parts) + samples()["JPEG, grey, with restarts"][2:]


def resized(sample: str, width: int, height: int) -> bytes:
    """Returns a valid JPEG whose header announces another size."""
    body = bytearray(samples()[sample])
    marker = b"\xff\xc2" if "progressive" in sample else b"\xff\xc0"
    at = body.index(marker) + 5
    body[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(body)


def many_scans(width: int, height: int, scans: int) -> bytes:
    """Returns a progressive JPEG that repeats a scan, each of which covers every block."""
    body = resized("JPEG, progressive", width, height)
    starts = [at for at in range(len(body) - 1) if body[at : at + 2] == b"\xff\xda"]
    first, second = starts[:2]
    # Only the header of the first scan: without data, every block counts as zero.
    header = body[first : first + 2 + int.from_bytes(body[first + 2 : first + 4])]
    return body[:second] + header * scans + body[second:]


def hostile_jpegs() -> Iterator[HostileFile]:
    """Yields the JPEG files."""
    yield from _sizes()
    yield from _scans()
    yield from _metadata()
    yield from _inconsistent_headers()


def _sizes() -> Iterator[HostileFile]:
    too_many = expecting(Reason.TOO_MANY_PIXELS)
    for sample in ("JPEG", "JPEG, progressive", "JPEG, CMYK"):
        title, make = sample + ": {} by {} pixels", partial(resized, sample)
        huge = ((65_500, 65_500), (65_535, 65_535), (6001, 6000))
        yield from sized("huge sides", title, huge, make, too_many)
        sides = ((65_500, 100), (100, 65_500), (6000, 6000))
        yield from sized("huge sides", title, sides, make)
        yield from sized("no size", title, ((0, 0), (0, 8), (8, 0)), make)


def _scans() -> Iterator[HostileFile]:
    for side, scans in ((100, 100_000), (1000, 10_000), (6000, 1000), (6000, 100_000)):
        name = f"JPEG of {side} by {side} pixels with {scans} scans"
        yield HostileFile("bomb", name, partial(many_scans, side, side, scans))


def _metadata() -> Iterator[HostileFile]:
    filling = (CANARY * 5000)[: _MAX_SEGMENT_BYTES - 20]
    loop = tiff([_EXIF_LOOP])
    huge = tiff([(271, 2, 2**31, 30), (306, 2, 60_000, 30), (34665, 4, 1, 2**31)])
    deep = nested(34665, 400)[: _MAX_SEGMENT_BYTES - 6]
    half = (
        segment(_PROFILE, b"ICC_PROFILE\0" + bytes([number, 255]) + filling)
        for number in range(1, 128)
    )
    missing = tiff([(45057, 4, 1, 65_535), (45058, 7, 2**20, 50)])
    photoshop = b"Photoshop 3.0\x008BIM\x04\x04\0\0\xff\xff\xff\xff" + CANARY
    contents = {
        "a comment in 150 segments": segment(_COMMENT, filling) * 150,
        "EXIF of 64 kB that is none": segment(_EXIF, b"Exif\0\0" + filling),
        "EXIF that names itself": segment(_EXIF, b"Exif\0\0" + loop),
        "EXIF of impossible lengths": segment(_EXIF, b"Exif\0\0" + huge),
        "EXIF nested 400 deep": segment(_EXIF, b"Exif\0\0" + deep),
        "EXIF in 150 segments": segment(_EXIF, b"Exif\0\0" + filling) * 150,
        "half of a profile of 16 MB": b"".join(half),
        "a profile of 64 kB that is none": segment(_PROFILE, b"ICC_PROFILE\0\x01\x01" + filling),
        "XMP of 64 kB": segment(_EXIF, b"http://ns.adobe.com/xap/1.0/\0" + filling[:-40]),
        "pictures that are not there": segment(_PROFILE, b"MPF\0" + missing),
        "inconsistent Photoshop resources": segment(0xED, photoshop),
        "an Adobe transform of 255": segment(_ADOBE, b"Adobe\0d\0\0\0\0\xff"),
    }
    yield from named("metadata", "JPEG with {}", contents, with_segments)
    valid = partial(with_segments, segment(_COMMENT, CANARY))
    yield HostileFile("metadata", "JPEG with a comment", valid, expecting(PROCESSED))


def _inconsistent_headers() -> Iterator[HostileFile]:
    frame = struct.pack(">BHHB", 8, 64, 64, 255) + bytes(range(255)) * 3
    contents = {
        "a segment of no length": segment(_COMMENT, CANARY, length=0),
        "a segment longer than the file": segment(_COMMENT, CANARY, length=65_535),
        "255 components": segment(0xC0, frame),
        "arithmetic coding": segment(0xC9, struct.pack(">BHHB", 8, 64, 64, 1) + b"\1\x11\0"),
        "a lossless frame": segment(0xC3, struct.pack(">BHHB", 16, 64, 64, 1) + b"\1\x11\0"),
        "quantisation by zero": segment(0xDB, b"\0" + bytes(64)),
        "codes without values": segment(0xC4, b"\0" + b"\xff" * 16),
        "restarts after every block": segment(0xDD, b"\0\1"),
        "a hundred thousand fill bytes": b"\xff" * 100_000,
        "a second beginning": _START,
        "its end at its beginning": _END,
    }
    yield from named("inconsistent segments", "JPEG with {}", contents, with_segments)
