"""Bodies to send: small photographs and broken files, each made unique without re-encoding."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from infra.demo.photographs import Photograph, broken_files, photographs
from tests.campaigns.chaos.record import Image

_ORIGINALS = 24
_MEGAPIXELS = 0.12
_BROKEN_INTERVAL = 25
_JPEG_START, _JPEG_COMMENT = b"\xff\xd8", b"\xff\xfe"
_PNG_START, _PNG_HEADER_ENDS = b"\x89PNG\r\n\x1a\n", 33
# The upload API refuses these by their first bytes; an empty file cannot be made unique.
_REFUSED_BY_UPLOAD_API = {"not_an_image", "too_many_pixels", "empty"}


@dataclass(frozen=True)
class Submission:
    """An image to send: its entry in the record, its body, and its declared content type."""

    image: Image
    body: bytes
    content_type: str


@dataclass(frozen=True)
class Originals:
    """The files that submissions are made from."""

    good: Sequence[Photograph]
    broken: Sequence[Photograph]

    @staticmethod
    def of(seed: int) -> Originals:
        """Makes the photographs and broken files of a campaign; takes a second or two."""
        made = photographs(_ORIGINALS, seed=seed, megapixels=_MEGAPIXELS)
        return Originals(
            good=[one for one in made if one.content_type != "image/webp"],
            broken=[one for one in broken_files() if one.expected_reason != "empty"],
        )

    def submissions(self, source: str, count: int, seed: int) -> Iterator[Submission]:
        """Makes the submissions of a source: every 25th is broken, every body is unique."""
        rng = Random(f"{seed}/{source}")  # noqa: S311 - pictures, not secrets
        broken = [one for one in self.broken if source != "upload" or _passes_upload_api(one)]
        for number in range(count):
            is_broken = number % _BROKEN_INTERVAL == _BROKEN_INTERVAL - 1
            original = rng.choice(broken if is_broken else self.good)
            body = make_unique(original.body, rng.randbytes(16))
            digest = hashlib.sha256(body).hexdigest()
            name = f"{source}-{number:06d}-{original.name}"
            image = Image(name, source, digest, original.expected_reason)
            yield Submission(image, body, original.content_type)


def make_unique(body: bytes, token: bytes) -> bytes:
    """Returns a file with a token in it, in a place that no decoder shows: a comment."""
    if body.startswith(_JPEG_START):
        comment = _JPEG_COMMENT + (len(token) + 2).to_bytes(2, "big") + token
        return _JPEG_START + comment + body[len(_JPEG_START) :]
    if body.startswith(_PNG_START):
        text = b"tEXt" + b"Comment\0" + token.hex().encode()
        chunk = (len(text) - 4).to_bytes(4, "big") + text + zlib.crc32(text).to_bytes(4, "big")
        return body[:_PNG_HEADER_ENDS] + chunk + body[_PNG_HEADER_ENDS:]
    return body + token


def _passes_upload_api(broken: Photograph) -> bool:
    return broken.expected_reason not in _REFUSED_BY_UPLOAD_API
