"""Files taken apart by their specifications, so that nothing in them goes unnoticed."""

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple


class Part(NamedTuple):
    """A segment or chunk of a file, and what it holds."""

    name: str
    content: bytes


_MARKERS = {
    **{0xE0 + number: f"APP{number}" for number in range(16)},
    0xC0: "SOF0",
    0xC2: "SOF2",
    0xC4: "DHT",
    0xDA: "SOS",
    0xDB: "DQT",
    0xDD: "DRI",
    0xFE: "COM",
}
_RESTARTS_AND_ZERO = {0, *range(0xD0, 0xD8)}
_END_OF_IMAGE = 0xD9


def parts(body: bytes, format_: str) -> list[Part]:
    """All of a file's parts; it is an error if one of its bytes is in none of them."""
    return list({"JPEG": _jpeg, "PNG": _png, "WEBP": _webp}[format_](body))


def _jpeg(body: bytes) -> Iterator[Part]:
    """Source: ITU-T T.81, annex B."""
    assert body[:2] == b"\xff\xd8", "it does not begin as a JPEG"
    at = 2
    while body[at + 1] != _END_OF_IMAGE:
        mark, marker, length = struct.unpack_from(">BBH", body, at)
        assert mark == 0xFF, "there is no marker where a segment begins"
        yield Part(_MARKERS.get(marker, hex(marker)), body[at + 4 : at + 2 + length])
        at += 2 + length
        if _MARKERS.get(marker) == "SOS":
            start = at
            while not (body[at] == 0xFF and body[at + 1] not in _RESTARTS_AND_ZERO):
                at += 1
            yield Part("scan", body[start:at])
    assert at + 2 == len(body), "something follows the picture's end"


def _png(body: bytes) -> Iterator[Part]:
    """Source: W3C, “Portable Network Graphics, third edition”, section 5."""
    assert body[:8] == b"\x89PNG\r\n\x1a\n", "it does not begin as a PNG"
    at, name = 8, b""
    while name != b"IEND":
        length, name = struct.unpack_from(">I4s", body, at)
        content = body[at + 8 : at + 8 + length]
        (check,) = struct.unpack_from(">I", body, at + 8 + length)
        assert check == zlib.crc32(name + content), "a chunk does not fit its checksum"
        yield Part(name.decode(), content)
        at += 12 + length
    assert at == len(body), "something follows the picture's end"


def _webp(body: bytes) -> Iterator[Part]:
    """Source: RFC 9649, section 2."""
    kind, size, form = struct.unpack_from("<4sI4s", body)
    assert (kind, form) == (b"RIFF", b"WEBP"), "it does not begin as a WebP"
    assert size + 8 == len(body), "something follows the picture's end"
    at = 12
    while at < len(body):
        name, length = struct.unpack_from("<4sI", body, at)
        yield Part(name.decode(), body[at + 8 : at + 8 + length])
        at += 8 + length + length % 2
    assert at == len(body), "the last chunk is cut off"
