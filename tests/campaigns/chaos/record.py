"""The senders' own record: what was sent, appended line by line and made durable at once.

It is the campaign's only source of what was sent; the platform never sees it.
"""

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
    UNKNOWN = "unknown"  # an attempt without an answer: the image may have been accepted or not
    ACKNOWLEDGED = "acknowledged"


@dataclass(frozen=True)
class Image:
    """An image as its sender knows it.

    Attributes:
        name: Unique in the campaign.
        source: The source that it is sent to: `kafka`, `bucket` or `upload`.
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
    """

    image: Image
    is_acknowledged: bool = False
    unknown_attempts: int = 0


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
        event = Event(entry["event"])
        image = Image(entry["name"], entry["source"], entry["sha256"], entry["expected_reason"])
        before = found.get(image.sha256, Sent(image))
        found[image.sha256] = Sent(
            image,
            before.is_acknowledged or event is Event.ACKNOWLEDGED,
            before.unknown_attempts + (event is Event.UNKNOWN),
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
