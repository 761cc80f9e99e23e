"""Beginnings of pictures in formats that the platform does not take."""

from tests.unit.pictures import encoded, four_corners


def brands(major: bytes, *compatible: bytes) -> bytes:
    """The first box of an HEIF or AVIF file, and the beginning of the second."""
    content = b"ftyp" + major + b"\0\0\0\0" + b"".join(compatible)
    return (4 + len(content)).to_bytes(4) + content + b"\0\0\0\x08meta"


OTHERS = {
    "HEIC of a telephone": brands(b"heic", b"mif1", b"heic"),
    "HEIC with more bits": brands(b"heix", b"mif1", b"heix"),
    "HEIC by a compatible brand": brands(b"xxxx", b"miaf", b"heic"),
    "HEIF": brands(b"mif1", b"mif1", b"jpeg"),
    "CR3 of a camera": brands(b"crx ", b"crx ", b"isom"),
    "RAF of a camera": b"FUJIFILMCCD-RAW 0201FF383501",
    "RW2 of a camera": b"IIU\0\x18\0\0\0",
    "ORF of a camera": b"IIRO\x08\0\0\0",
    "BMP": encoded(four_corners(), "BMP"),
    "ICO": encoded(four_corners(), "ICO"),
    "ICNS": encoded(four_corners(), "ICNS"),
    "JPEG 2000": encoded(four_corners(), "JPEG2000"),
    "JPEG 2000 without a box": encoded(four_corners(), "JPEG2000", no_jp2=True),
    "JPEG XL": b"\xff\x0a\xfa\x0b",
    "JPEG XL in boxes": b"\0\0\0\x0cJXL \r\n\x87\n",
    "DDS": encoded(four_corners(), "DDS"),
    "EPS": encoded(four_corners(), "EPS"),
    "EPS with a preview": b"\xc5\xd0\xd3\xc6\x1e\0\0\0",
    "PPM": encoded(four_corners(), "PPM"),
    "PBM as text": b"P1\n# made by hand\n2 2\n0 1 1 0\n",
    "PFM": b"Pf\n2 2\n-1.0\n".replace(b"Pf", b"PF"),
    "PDF": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    "PSD": b"8BPS\0\x01\0\0\0\0\0\0",
    "XCF": b"gimp xcf v011\0",
    "QOI": encoded(four_corners(), "QOI"),
    "OpenEXR": b"v/1\x01\x02\0\0\0",
    "Radiance": b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n",
    "WMF": b"\xd7\xcd\xc6\x9a\0\0",
    "DjVu": b"AT&TFORM\0\0\0\x10DJVU",
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>',
    "SVG after a prolog": b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- made -->\n<svg width='1'/>",
    "SVG by its document type": b'<?xml version="1.0"?>\n<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG">',
}
