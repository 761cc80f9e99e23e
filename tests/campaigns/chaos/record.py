"""What the senders send, and their own record of it: appended line by line, durable at once.

Bodies are small photographs and broken files, each made unique without re-encoding. The record is
the campaign's only source of what was sent; the platform never sees it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from random import Random
from threading import Lock

from infra.demo.photographs import Photograph, broken_files, photographs
from infra.source_clients import make_unique

_ORIGINALS = 24
_MEGAPIXELS = 0.12
_BROKEN_INTERVAL = 25
# The upload API refuses these by their first bytes; an empty file cannot be made unique.
_REFUSED_BY_UPLOAD_API = {"not_an_image", "too_many_pixels", "empty"}


class Event(StrEnum):
    """What happened to an image on its way to a source."""

    BEGUN = "begun"
    UNKNOWN = "unknown"  # an attempt without an answer: the image may have been accepted or not
    ACKNOWLEDGED = "acknowledged"
    ERASED = "erased"  # its erasure is about to be requested


@dataclass(frozen=True)
class Image:
    """An image as its sender knows it.

    Attributes:
        name: Unique in the campaign.
        source: The source that it is sent to.
        sha256: Digest of its body in hexadecimal; unique as well.
        expected_reason: Why the platform must reject it; None if it must be processed.
    """

    name: str
    source: str
    sha256: str
    expected_reason: str | None


@dataclass(frozen=True)
class Sent:
    """What a sender's record says of one image.

    Attributes:
        is_acknowledged: Whether the source has confirmed that it has it.
        unknown_attempts: How many attempts got no answer.
        is_erased: Whether the campaign has requested its erasure.
    """

    image: Image
    is_acknowledged: bool = False
    unknown_attempts: int = 0
    is_erased: bool = False


class Record:
    """The file of one sender, to which one line per event is appended."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a")
        self._lock = Lock()

    def write(self, image: Image, event: Event, now: datetime) -> None:
        """Appends an event; it is durable when this returns."""
        line = json.dumps({**asdict(image), "event": event, "at": now.isoformat()})
        with self._lock:
            self._file.write(line + "\n")
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def read_lines(lines: Iterable[str]) -> dict[str, Sent]:
    """Returns what the lines of a record say of each image, by its digest.

    Raises `ValueError` when a line is invalid.
    """
    found: dict[str, Sent] = {}
    for line in lines:
        entry = json.loads(line)
        event = Event(entry.pop("event"))
        del entry["at"]
        image = Image(**entry)
        before = found.get(image.sha256, Sent(image))
        found[image.sha256] = Sent(
            image,
            before.is_acknowledged or event is Event.ACKNOWLEDGED,
            before.unknown_attempts + (event is Event.UNKNOWN),
            before.is_erased or event is Event.ERASED,
        )
    return found


def read_records(folder: Path) -> dict[str, Sent]:
    """Returns what all records of a folder say; a line that is still being written is left out."""
    complete = (
        line
        for path in sorted(folder.glob("*.jsonl"))
        for line in path.read_text().splitlines(keepends=True)
        if line.endswith("\n")
    )
    return read_lines(complete)


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
        refused = _REFUSED_BY_UPLOAD_API if source == "upload" else ()
        broken = [one for one in self.broken if one.expected_reason not in refused]
        for number in range(count):
            is_broken = number % _BROKEN_INTERVAL == _BROKEN_INTERVAL - 1
            original = rng.choice(broken if is_broken else self.good)
            body = make_unique(original.body, rng.randbytes(16))
            digest = hashlib.sha256(body).hexdigest()
            name = f"{source}-{number:06d}-{original.name}"
            image = Image(name, source, digest, original.expected_reason)
            yield Submission(image, body, original.content_type)
