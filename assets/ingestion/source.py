"""The contract of an ingestion source: all that the platform needs to know about a way in.

Each source has a folder with a module `source.py`, whose `SOURCE` is the one instance, and with
`assets.py` if it has Dagster assets and checks of its own; `registry.py` lists the folders.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from assets.catalog.records import Arrival
from assets.resources.objects import ObjectHead
from assets.resources.warehouse import Connection
from assets.settings import Settings

if TYPE_CHECKING:  # the upload API needs no Kafka client
    from assets.platform import Platform

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
_MAX_TEXT_LENGTH = 255


@dataclass(frozen=True)
class ParsedKey:
    """What a key of the raw bucket says, if its object belongs to the source.

    It proves nothing: anybody may store an object under a key of that form. The image arrived in a
    period that begins at a time in UTC; None if the key names no date that exists.
    """

    image_id: UUID
    origin: str
    begins_at: datetime | None
    period: timedelta


@dataclass(frozen=True)
class IngestionJob:
    """The Dagster job that ingests images, and the sensor that requests its runs.

    Attributes:
        name: Name of the job; at most one of its runs executes at a time.
        find_work: Decides at each tick whether to request a run, and says what it saw, in bounded
            time; called when no run of the job is in flight.
        asset: Key of the asset that it materializes; None: the ledger.
    """

    name: str
    description: str
    sensor: str
    sensor_description: str
    find_work: Callable[[Platform], tuple[bool, str]]
    asset: tuple[str, str] | None = None


@dataclass(frozen=True)
class SelfRegistration:
    """How a source registers objects that it has stored itself.

    Attributes:
        grace: How long that may take, longer than any of its runs. Later its objects are somebody's
            drops unless they are awaited.
        find_awaited: Returns those of some keys that it has yet to come to, however old.
    """

    grace: timedelta
    find_awaited: Callable[[Connection, Settings, Collection[str]], frozenset[str]]


@dataclass(frozen=True)
class IngestionSource:
    """A way in.

    Attributes:
        name: Value of `image_catalog.image.source`, whose constraint lists it.
        read_key: Parses a key of the raw bucket, without judging whether its date exists; None for
            keys of another format. A source without it has no keys of its own.
        describe: Returns the arrival that an object under such a key is, from its metadata; None if
            it is somebody's drop. A source without it registers its objects itself.
        self_registration: How it does that.
        has_one_key_per_image: Whether repeated work stores an image under the same key again.
        hourly_folder: Folder of the raw bucket with `YYYY-MM-DD/HH/` below it, in which new objects
            are found soonest; None if it has none.
        reserved_folder: Folder of the raw bucket in which nobody else may store objects; None if it
            has none.
        ledger_input: Key of the asset whose objects become rows of the ledger; None if it has none.
        job: Its job and sensor; None if it needs no run of its own.
    """

    name: str
    read_key: Callable[[str], ParsedKey | None] | None = None
    describe: Callable[[ParsedKey, ObjectHead, Settings], Arrival | None] | None = None
    self_registration: SelfRegistration | None = None
    has_one_key_per_image: bool = True
    hourly_folder: str | None = None
    reserved_folder: str | None = None
    ledger_input: tuple[str, str] | None = None
    job: IngestionJob | None = None


def start_of(day: str, hour: str = "00") -> datetime | None:
    """Returns the start of an hour (UTC) that a key names; None if it does not exist."""
    try:
        return datetime.fromisoformat(f"{day}T{hour}:00Z")
    except ValueError:
        return None


def printable(text: str) -> str | None:
    """Returns a sender's text as every store accepts it: printable, at most 255 characters."""
    return "".join(filter(str.isprintable, text))[:_MAX_TEXT_LENGTH].strip() or None
