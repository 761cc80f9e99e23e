"""The senders' own record: what was sent, appended line by line and made durable at once.

It is all that the campaign believes of what was sent; the platform never sees it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from threading import Lock


class Event(StrEnum):
    """What happened to an image on its way to a source."""

    BEGUN = "begun"
    UNKNOWN = "unknown"  # an attempt without an answer: it may have been taken or not
    ACKNOWLEDGED = "acknowledged"


@dataclass(frozen=True)
class Image:
    """An image as its sender knows it.

    Attributes:
        name: Its name, which no other image of the campaign has.
        source: The source that it is sent to: `kafka`, `bucket` or `upload`.
        sha256: Digest of its body in hexadecimal, which no other image has either.
        expected_reason: Why the platform must reject it; None when it must be processed.
    """

    name: str
    source: str
    sha256: str
    expected_reason: str | None


@dataclass(frozen=True)
class Sent:
    """What a sender's record says of one image.

    Attributes:
        is_acknowledged: Whether the source has answered that it has it.
        unknown_attempts: How many attempts went without an answer.
    """

    image: Image
    is_acknowledged: bool = False
    unknown_attempts: int = 0


class Record:
    """A file that grows by one line per event, for one sender."""

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
    """Returns what record lines say of each image, by its digest.

    Raises `ValueError` when a line is not one of a record.
    """
    found: dict[str, Sent] = {}
    for line in lines:
        told = json.loads(line)
        event = Event(told["event"])
        image = Image(told["name"], told["source"], told["sha256"], told["expected_reason"])
        before = found.get(image.sha256, Sent(image))
        found[image.sha256] = Sent(
            image,
            before.is_acknowledged or event is Event.ACKNOWLEDGED,
            before.unknown_attempts + (event is Event.UNKNOWN),
        )
    return found


def read_records(folder: Path) -> dict[str, Sent]:
    """Returns what all records of a folder say; a line that is being written is left out."""
    whole = (
        line
        for path in sorted(folder.glob("*.jsonl"))
        for line in path.read_text().splitlines(keepends=True)
        if line.endswith("\n")
    )
    return read_lines(whole)
