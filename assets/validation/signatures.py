"""The format of a file by the signature in its first bytes."""

import re

SIGNATURE_BYTES = 64
"""The number of first bytes that identify an allowed format."""

_ALLOWED = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
}
_OTHERS = {
    b"8BPS": "Photoshop",
    b"%PDF-": "PDF",
    b"%!PS": "PostScript",
    b"\xc5\xd0\xd3\xc6": "PostScript",
    b"\0\0\1\0": "ICO",
    b"icns": "ICNS",
    b"\0\0\0\x0cjP  \r\n\x87\n": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"\0\0\0\x0cJXL \r\n\x87\n": "JPEG XL",
    b"\xff\x0a": "JPEG XL",
    b"II\xbc\x01": "JPEG XR",
    b"DDS ": "DDS",
    b"v/1\x01": "OpenEXR",
    b"#?RADIANCE": "Radiance",
    b"gimp xcf": "GIMP",
    b"qoif": "QOI",
    b"FLIF": "FLIF",
    b"BPG\xfb": "BPG",
    b"AT&TFORM": "DjVu",
    b"\xd7\xcd\xc6\x9a": "WMF",
    b"FUJIFILMCCD-RAW": "raw picture of a camera",
    b"IIU\0": "raw picture of a camera",
    b"IIRO": "raw picture of a camera",
    b"IIRS": "raw picture of a camera",
    b"MMOR": "raw picture of a camera",
}
_BMP = re.compile(rb"BM.{4}\0\0\0\0.{4}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0", re.DOTALL)
_NETPBM = re.compile(rb"P[1-7F][ \t\r\n]\s*[\d#W-]")
_SVG = re.compile(
    rb"(\xef\xbb\xbf)?\s*(<svg[\s>]|<\?xml\s.{0,200}(<svg[\s>]|<!DOCTYPE svg))", re.DOTALL
)
_AVIF_BRANDS = {b"avif", b"avis"}
_OTHER_BRANDS = {
    **dict.fromkeys(
        (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"), "HEIC"
    ),
    **dict.fromkeys((b"mif1", b"mif2", b"msf1", b"miaf"), "HEIF"),
    b"crx ": "raw picture of a camera",
}


def format_of(first: bytes) -> str | None:
    """Returns the allowed format that a file's first `SIGNATURE_BYTES` announce, or None.

    Source: ISO/IEC 23000-22 for AVIF, whose brands stand in the first box, “ftyp”.
    """
    if first[:4] == b"RIFF" and first[8:12] == b"WEBP":
        return "WEBP"
    if first[4:8] == b"ftyp":
        return "AVIF" if set(_brands(first)) & _AVIF_BRANDS else None
    return _named(_ALLOWED, first)


def other_format_of(first: bytes) -> str | None:
    """Returns the usual name of a known image format that is not allowed, or None.

    `first` are a file's first bytes; 256 of them are enough. Source: ISO/IEC 23008-12 for the
    brands of HEIF and HEIC, which AVIF may carry beside its own.
    """
    if format_of(first):
        return None
    if first[4:8] == b"ftyp":
        names = (_OTHER_BRANDS.get(brand) for brand in _brands(first))
        return next((name for name in names if name), None)
    for pattern, name in ((_BMP, "BMP"), (_NETPBM, "Netpbm"), (_SVG, "SVG")):
        if pattern.match(first):
            return name
    return _named(_OTHERS, first)


def _brands(first: bytes) -> list[bytes]:
    end = min(int.from_bytes(first[:4]), len(first))
    return [first[8:12], *(first[at : at + 4] for at in range(16, end, 4))]


def _named(signatures: dict[bytes, str], first: bytes) -> str | None:
    return next((name for start, name in signatures.items() if first.startswith(start)), None)
