"""Hostile TIFF files: endless directories, inconsistent tiles and strips (TIFF 6.0)."""

import struct
from collections.abc import Iterator, Sequence
from functools import partial

from assets.validation.reasons import Reason
from tests.campaigns.fuzz.files import CANARY, HostileFile, expecting, sized
from tests.campaigns.fuzz.png import deflated_zeros

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_STRIPS, _SAMPLES, _ROWS, _COUNTS = 273, 277, 278, 279
_TILE_WIDTH, _TILE_LENGTH, _TILES, _TILE_COUNTS = 322, 323, 324, 325
_SUB, _EXIF, _GPS, _PROFILE = 330, 34665, 34853, 34675
_ASCII, _SHORT, _LONG, _UNDEFINED = 2, 3, 4, 7
_DEFLATE = 8
_MAX_UINT32 = 2**32 - 1
_FIRST = 8

Entry = tuple[int, int, int, int]
"""Tag, type, count, and value or offset."""


def directory(entries: Sequence[Entry], following: int = 0) -> bytes:
    """Returns a directory with the offset of the next one."""
    packed = b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
    return struct.pack("<H", len(entries)) + packed + struct.pack("<I", following)


def tiff(entries: Sequence[Entry], following: int = 0, rest: bytes = bytes(4096)) -> bytes:
    """Returns a little-endian TIFF: header, one directory, then `rest`."""
    return b"II*\0" + struct.pack("<I", _FIRST) + directory(entries, following) + rest


def page(width: int = 8, height: int = 8, **changed: int) -> list[Entry]:
    """Returns the entries of a grey page; `t256=0` changes the value of tag 256."""
    values = {
        _WIDTH: width,
        _HEIGHT: height,
        _BITS: 8,
        _COMPRESSION: 1,
        _PHOTOMETRIC: 1,
        _STRIPS: _FIRST,
        _SAMPLES: 1,
        _ROWS: height,
        _COUNTS: min(width * height, _MAX_UINT32),
    } | {int(name[1:]): value for name, value in changed.items()}
    return [(tag, _LONG, 1, value) for tag, value in values.items()]


def tiled(width: int, height: int, tile: int) -> list[Entry]:
    """Returns the entries of a grey page with one tile."""
    kept = [one for one in page(width, height) if one[0] not in (_STRIPS, _ROWS, _COUNTS)]
    tiles = {_TILE_WIDTH: tile, _TILE_LENGTH: tile, _TILES: _FIRST, _TILE_COUNTS: 4096}
    return [*kept, *((tag, _LONG, 1, value) for tag, value in tiles.items())]


def chained(pages: int, *, loops: bool = False) -> bytes:
    """Returns a chain of pages; with `loops` the last one refers to the first."""
    entries, body = page(), bytearray(b"II*\0" + struct.pack("<I", _FIRST))
    length = len(directory(entries))
    for number in range(pages):
        is_last = number == pages - 1
        following = _FIRST + (number + 1) * length
        body += directory(entries, (_FIRST if loops else 0) if is_last else following)
    return bytes(body)


def nested(tag: int, depth: int) -> bytes:
    """Returns nested directories, of which the deepest refers to itself."""
    length = len(directory([*page(), (tag, _LONG, 1, 0)]))
    body = bytearray(b"II*\0" + struct.pack("<I", _FIRST))
    for level in range(depth):
        below = _FIRST + min(level + 1, depth - 1) * length
        body += directory([*page(), (tag, _LONG, 1, below)])
    return bytes(body)


def _strips_bomb(width: int, height: int) -> bytes:
    packed = deflated_zeros(width * height)
    entries = page(width, height, t259=_DEFLATE, t273=_FIRST + 2 + 9 * 12 + 4, t279=len(packed))
    return tiff(entries, rest=packed)


def hostile_tiffs() -> Iterator[HostileFile]:
    """Yields the TIFF files."""
    yield from _directories()
    yield from _sizes()
    yield from _inconsistent_headers()


def _directories() -> Iterator[HostileFile]:
    kind, refused = "directories", expecting(Reason.TOO_MANY_FRAMES)
    for pages in (1, 2, 400, 5000):
        loop = partial(chained, pages, loops=True)
        yield HostileFile(kind, f"TIFF of {pages} pages, the last names the first", loop)
    for pages in (501, 5000, 80_000):
        yield HostileFile(kind, f"TIFF of {pages} pages", partial(chained, pages), refused)
    for tag, depth in ((_SUB, 1), (_SUB, 3000), (_EXIF, 1), (_EXIF, 3000), (_GPS, 100)):
        make = partial(nested, tag, depth)
        yield HostileFile(kind, f"TIFF with {depth} directories nested in tag {tag}", make)
    for following in (_FIRST, 4, 2**31, _MAX_UINT32):
        make = partial(tiff, page(), following)
        yield HostileFile(kind, f"TIFF whose next directory is at {following}", make)
    many = [(40_000 + number % 20_000, _ASCII, 4, number) for number in range(65_000)]
    yield HostileFile(kind, "TIFF with 65,000 entries", partial(tiff, [*page(), *many]))


def _sizes() -> Iterator[HostileFile]:
    def empty(width: int, height: int) -> bytes:
        return tiff(page(width, height))

    title, too_many = "TIFF of {} by {} pixels", expecting(Reason.TOO_MANY_PIXELS)
    large = ((65_500, 65_500), (_MAX_UINT32, _MAX_UINT32), (2**31, 1), (6001, 6000))
    yield from sized("huge sides", title, large, empty, too_many)
    yield from sized("no size", title, ((0, 0), (0, 8), (8, 0)), empty)
    for tile in (0, 15, 65_504, 2**31 - 16):
        make = partial(tiff, tiled(64, 64, tile))
        yield HostileFile("bomb", f"TIFF of 64 by 64 pixels in a tile of {tile}", make)
    strips = ((6000, 6000), (36_000_000, 1), (1, 36_000_000))
    yield from sized("bomb", f"{title} in one strip", strips, _strips_bomb)


def _inconsistent_headers() -> Iterator[HostileFile]:
    values = (0, 2, 3, 7, 17, 64, 65_535, 2**31, _MAX_UINT32)
    for tag in (_BITS, _COMPRESSION, _PHOTOMETRIC, _STRIPS, _SAMPLES, _ROWS, _COUNTS):
        for value in values:
            make = partial(tiff, page(**{f"t{tag}": value}))
            yield HostileFile("inconsistent tags", f"TIFF with {value} for tag {tag}", make)
    for kind in (_ASCII, _SHORT, _LONG, 5, _UNDEFINED, 12, 16, 99):
        for tag in (_STRIPS, _PROFILE, _EXIF, 700, 33432):
            entries = [one for one in page() if one[0] != tag] + [
                (tag, kind, _MAX_UINT32 // 8, 100)
            ]
            name = f"TIFF with half a billion values of type {kind} for tag {tag}"
            yield HostileFile("inconsistent tags", name, partial(tiff, entries))
    profile = [*page(), (_PROFILE, _UNDEFINED, 9_000_000, 130)]
    make = partial(tiff, profile, rest=CANARY * 600_000)
    yield HostileFile("metadata", "TIFF with a profile of 9 MB", make)
