"""Headers of images of any size, with little or nothing behind them."""

import struct
import zlib

from tests.unit.pictures import encoded, noise


def png(width: int, height: int, frames: int | None = None) -> bytes:
    """The header of a PNG of any size, and a little of what follows."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    made = b"\x89PNG\r\n\x1a\n"
    made += chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    if frames is not None:
        made += chunk(b"acTL", struct.pack(">II", frames, 0))
    return made + chunk(b"IDAT", zlib.compress(b"\0" * 64))


def gif(width: int, height: int) -> bytes:
    screen = struct.pack("<HHBBB", width, height, 0, 0, 0)
    frame = b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x01\x00\x00;"
    return b"GIF89a" + screen + frame


def jpeg(width: int, height: int) -> bytes:
    """A small JPEG whose header tells another size."""
    body = bytearray(encoded(noise(), "JPEG"))
    at = body.index(b"\xff\xc0") + 5
    body[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(body)


def tiff(width: int, height: int, order: str = "<") -> bytes:
    """A TIFF's first directory: as much as tells its size and how it would be decoded."""
    tags = [(256, 4, width), (257, 4, height), (258, 4, 8), (259, 4, 1), (262, 4, 1)]
    tags += [(273, 4, 8), (277, 4, 1), (278, 4, height), (279, 4, width * height % 2**32)]
    made = {"<": b"II", ">": b"MM"}[order] + struct.pack(f"{order}HI", 42, 8)
    made += struct.pack(f"{order}H", len(tags))
    for tag, kind, value in tags:
        made += struct.pack(f"{order}HHII", tag, kind, 1, value)
    return made + struct.pack(f"{order}I", 0)


def webp_lossy(width: int, height: int) -> bytes:
    frame = b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", width, height)
    return b"RIFF" + bytes(4) + b"WEBPVP8 " + struct.pack("<I", len(frame)) + frame


def webp_lossless(width: int, height: int) -> bytes:
    frame = b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14)
    return b"RIFF" + bytes(4) + b"WEBPVP8L" + struct.pack("<I", len(frame)) + frame


def webp_extended(width: int, height: int) -> bytes:
    canvas = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    return b"RIFF" + bytes(4) + b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + canvas


def avif(width: int, height: int) -> bytes:
    """A small AVIF whose header tells another size."""
    body = encoded(noise(), "AVIF")
    at = body.index(b"ispe") + 8
    return body[:at] + struct.pack(">II", width, height) + body[at + 8 :]


def ispe(width: int, height: int) -> bytes:
    """An AVIF's box with the size of one of its images."""
    return struct.pack(">I4sIII", 20, b"ispe", 0, width, height)


HEADERS = {
    "png": png,
    "gif": gif,
    "jpeg": jpeg,
    "little-endian tiff": tiff,
    "big-endian tiff": lambda width, height: tiff(width, height, ">"),
    "lossy webp": webp_lossy,
    "lossless webp": webp_lossless,
    "extended webp": webp_extended,
    "avif": avif,
}
