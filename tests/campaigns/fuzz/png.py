"""Hostile PNG files: bombs, sizes and inconsistent chunks (W3C PNG specification, section 5)."""

import struct
import zlib
from collections.abc import Iterator
from functools import partial

from assets.validation.reasons import Reason
from tests.campaigns.fuzz.files import CANARY, PROCESSED, HostileFile, expecting, named, sized

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _COLOUR, _PALETTE, _COLOUR_ALPHA = 0, 2, 3, 6
_BLOCK = 1 << 20
_MEBIBYTE = 1 << 20

_REFUSED = expecting(Reason.NOT_AN_IMAGE, Reason.CORRUPT, Reason.TRUNCATED)
_TOO_MANY = expecting(Reason.TOO_MANY_PIXELS)


def chunk(kind: bytes, data: bytes, length: int | None = None, crc: int | None = None) -> bytes:
    """Returns a chunk; `length` and `crc` override the true values."""
    announced = len(data) if length is None else length
    check = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">I", announced) + kind + data + struct.pack(">I", check)


def deflated_zeros(count: int) -> bytes:
    """Compresses `count` zero bytes, about a thousandfold, without holding them in memory."""
    packer, packed = zlib.compressobj(9), bytearray()
    for start in range(0, count, _BLOCK):
        packed += packer.compress(bytes(min(_BLOCK, count - start)))
    return bytes(packed + packer.flush())


def header(
    width: int, height: int, colour: int = _COLOUR, depth: int = 8, interlaced: int = 0
) -> bytes:
    """Returns the header chunk."""
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced))


def png(width: int, height: int, raw: int, *more: bytes, colour: int = _COLOUR) -> bytes:
    """Returns a PNG whose picture data decompress to `raw` zero bytes."""
    end = chunk(b"IDAT", deflated_zeros(raw)) + chunk(b"IEND", b"")
    return SIGNATURE + header(width, height, colour) + b"".join(more) + end


def _small(*more: bytes) -> bytes:
    return png(8, 8, 8 * 25, *more)


def _interlaced(width: int, height: int, depth: int, colour: int, raw: int) -> bytes:
    parts = header(width, height, colour, depth, 1), chunk(b"IDAT", deflated_zeros(raw))
    return SIGNATURE + b"".join(parts) + chunk(b"IEND", b"")


def _packed_text(kind: bytes, size: int, times: int = 1) -> bytes:
    start = {b"zTXt": b"Comment\0\0", b"iTXt": b"Comment\0\1\0\0\0", b"iCCP": b"profile\0\0"}[kind]
    return _small(*[chunk(kind, start + deflated_zeros(size))] * times)


def _animation(frames: int) -> bytes:
    """Announces `frames` frames and has one."""
    return _small(chunk(b"acTL", struct.pack(">II", frames, 0)))


def hostile_pngs() -> Iterator[HostileFile]:
    """Yields the PNG files."""
    yield from _sizes()
    yield from _bombs()
    yield from _inconsistent_chunks()


def _sizes() -> Iterator[HostileFile]:
    title, none = "PNG of {} by {} pixels", ((0, 0), (0, 8), (8, 0))
    yield from sized("no size", title, none, partial(png, raw=100), _REFUSED)
    large = ((65_500, 65_500), (2**31 - 1, 2**31 - 1), (6001, 6000), (36_000_001, 1))
    yield from sized("huge sides", title, large, partial(png, raw=_MEBIBYTE), _TOO_MANY)
    sides = ((65_500, 1), (1, 65_500), (65_500, 549), (36_000_000, 1))
    yield from sized("huge sides", f"grey {title}", sides, _grey, expecting(PROCESSED))


def _grey(width: int, height: int) -> bytes:
    return png(width, height, (width + 1) * height, colour=_GREY)


def _bombs() -> Iterator[HostileFile]:
    raw = {_GREY: 1, _COLOUR: 3, _COLOUR_ALPHA: 4}
    for colour, channels in raw.items():
        make = partial(png, 6000, 6000, (6000 * channels + 1) * 6000, colour=colour)
        name = f"blank PNG of 36 megapixels and {channels} channels"
        yield HostileFile("bomb", name, make, expecting(PROCESSED))
    deep = partial(_interlaced, 6000, 6000, 16, _COLOUR_ALPHA, 6000 * 6000 * 8 + 20_000)
    yield HostileFile("bomb", "interlaced PNG of 36 megapixels and 64 bits", deep)
    more = partial(png, 100, 100, 512 * _MEBIBYTE)
    yield HostileFile("bomb", "PNG of 100 by 100 pixels with 512 MiB of data", more)
    for kind in (b"zTXt", b"iTXt", b"iCCP"):
        for size, times in ((100, 1), (1, 100), (1, 1)):
            make = partial(_packed_text, kind, size * _MEBIBYTE, times)
            name = f"PNG with {times} {kind.decode()} of {size} MiB unpacked"
            yield HostileFile("bomb", name, make)
    many = partial(_small, chunk(b"tEXt", b"a\0" + CANARY) * 150_000)
    yield HostileFile("bomb", "PNG with 150,000 text chunks", many)
    empty = partial(_small, chunk(b"IDAT", b"") * 500_000)
    yield HostileFile("bomb", "PNG with 500,000 empty chunks of data", empty)
    for frames in (501, 2**31 - 1):
        make = partial(_animation, frames)
        wanted = expecting(Reason.TOO_MANY_FRAMES)
        yield HostileFile("frames", f"PNG that announces {frames} frames", make, wanted)


def _inconsistent_chunks() -> Iterator[HostileFile]:
    text = b"Comment\0" + CANARY
    contents = {
        "a text chunk with a wrong checksum": chunk(b"tEXt", text, crc=1),
        "a text chunk of 4 GiB by its length": chunk(b"tEXt", text, length=2**32 - 1),
        "a text chunk of 2 GiB by its length": chunk(b"tEXt", text, length=2**31 - 1),
        "a text chunk shorter than it is": chunk(b"tEXt", text, length=3),
        "an unknown critical chunk": chunk(b"ABCD", CANARY),
        "a chunk whose name is no name": chunk(b"\0\1\2\3", CANARY),
        "a second header": header(7, 7),
        "a palette without colours": chunk(b"PLTE", b""),
        "transparency that is too short": chunk(b"tRNS", b"\0"),
        "a profile that is none": chunk(b"iCCP", b"p\0\0" + zlib.compress(CANARY * 1000)),
        "a profile that does not unpack": chunk(b"iCCP", b"p\0\0" + CANARY),
        "a profile without a name's end": chunk(b"iCCP", b"p" * 100),
        "EXIF that is none": chunk(b"eXIf", CANARY * 100),
        "a gamma of nothing": chunk(b"gAMA", b""),
        "sizes of nothing": chunk(b"pHYs", b"") + chunk(b"cHRM", b"\0"),
        "a frame outside the picture": chunk(b"acTL", struct.pack(">II", 2, 0))
        + chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 9, 9, 2**31 - 1, 2**31 - 1, 0, 0, 9, 9)),
    }
    kind = "inconsistent chunks"
    yield from named(kind, "PNG with {}", contents, _small)
    wrong = SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0), crc=7)
    yield HostileFile(kind, "PNG whose header's checksum is wrong", lambda: wrong)
    odd = {"palette": (_PALETTE, 8), "3 bits": (_COLOUR, 3), "colour type 5": (5, 8)}
    end = chunk(b"IDAT", deflated_zeros(400)) + chunk(b"IEND", b"")
    files = {name: SIGNATURE + header(8, 8, *other) + end for name, other in odd.items()}
    yield from named(kind, "PNG with a header of {}", files, bytes)
