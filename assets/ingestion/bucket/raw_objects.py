"""What an object version in the raw bucket is: whose, and which image. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from urllib.parse import unquote
from uuid import UUID

from assets.catalog import identity
from assets.catalog.records import Arrival
from assets.resources.objects import ObjectHead, ObjectVersion
from assets.retention_policy import is_due

LANDING_GRACE = timedelta(minutes=15)
"""Longer than any run: what a run has stored and not made known by then, it never will."""

_CLOCK_SKEW = timedelta(hours=1)
_MAX_TRANSIT_TIME = timedelta(days=8)
_TEXT_LENGTH = 255


class ObjectStatus(Enum):
    """What an object version is to the ledger.

    KNOWN: an image of the ledger is this one, or this is a copy that a repetition left behind.
    ERASED: its image has no row any more because somebody wanted it gone; it stays gone.
    LANDING: the landing stored it, as far as anybody can tell, and makes it known itself.
    EXPIRED: its time is over, or that of the image that it is a copy of; retention takes it.
    INVALID: no row can name it, or it is told to come from the future.
    NEW: an image that nobody has made known yet.
    """

    KNOWN = "known"
    ERASED = "erased"
    LANDING = "landing"
    EXPIRED = "overdue"
    INVALID = "impossible"
    NEW = "new"


@dataclass(frozen=True)
class LandedTopic:
    """How far the landing of a topic has come: next offsets by partition."""

    incarnation: int
    next_offsets: Mapping[int, int]


@dataclass(frozen=True)
class KnownObjects:
    """What ledger and offsets tell of some object versions.

    Attributes:
        object_keys: The object key by image id, of the images that have a row.
        topics: By name, those that are landed.
        erased: Images that must not become known again.
    """

    object_keys: Mapping[UUID, str]
    topics: Mapping[str, LandedTopic]
    erased: frozenset[UUID] = frozenset()


def possible_ids(found: ObjectVersion) -> tuple[UUID, ...]:
    """Returns the ids under which the ledger may know an object version: as a drop, by its key."""
    as_drop = identity.image_id("bucket", identity.object_origin(found))
    by_key = identity.read_upload_key(found.key) or _message_id(found.key)
    return (as_drop,) if by_key is None else (as_drop, by_key)


def classify(
    found: ObjectVersion,
    known: KnownObjects,
    now: datetime,
    purge_age: timedelta,
    landing_grace: timedelta = LANDING_GRACE,
) -> ObjectStatus:
    """Decides what an object version of the raw bucket is.

    Args:
        found: The version, as a listing or a notification tells of it.
        known: What ledger and offsets tell of it, read after the version was found.
        now: The present.
        purge_age: The age at which retention takes an image.
        landing_grace: How long after it was stored an object under a landed key is left to the
            landing, even if the landing is past its offset: a replay may be about to make it known.
    """
    if "\0" in identity.object_origin(found) or found.modified_at > now + _CLOCK_SKEW:
        return ObjectStatus.INVALID
    if _is_known(found, known):
        return ObjectStatus.KNOWN
    if not known.erased.isdisjoint(possible_ids(found)):
        return ObjectStatus.ERASED
    if is_due(retention_starts_at(found), now, purge_age):
        return ObjectStatus.EXPIRED
    landed = identity.read_landed_key(found.key)
    if landed is not None and (
        found.modified_at > now - landing_grace or _is_awaited(landed, known.topics)
    ):
        return ObjectStatus.LANDING
    return ObjectStatus.NEW


def retention_starts_at(found: ObjectVersion) -> datetime:
    """Returns when the retention of an object version's image began, at the earliest.

    A copy that a killed landing or a repeated upload left behind is younger than its image; the key
    tells when that came, unless it tells a time that no message or upload can have taken.
    """
    if (told := _time_in_key(found.key)) is None:
        return found.modified_at
    is_believable = timedelta(0) <= found.modified_at - told <= _MAX_TRANSIT_TIME
    return told if is_believable else found.modified_at


def describe(found: ObjectVersion, head: ObjectHead | None = None) -> Arrival:
    """Returns the arrival that an object version is: an upload, or else a drop into the bucket.

    Args:
        found: The version.
        head: What the store says of it; needed under an upload's key only, where an object that
            names no uploader is somebody's drop.
    """
    upload = identity.read_upload_key(found.key)
    uploader = printable(head.metadata.get("uploader", "")) if head else None
    if upload is not None and head is not None and uploader is not None:
        return Arrival(
            image_id=upload,
            arrived_at=found.modified_at,
            source="upload",
            origin=identity.upload_origin(upload),
            object_key=found.key,
            object_version=found.version,
            size_bytes=found.size_bytes,
            declared_content_type=printable(head.content_type or ""),
            filename=printable(unquote(head.metadata.get("filename", ""))),
            uploader=uploader,
        )
    origin = identity.object_origin(found)
    return Arrival(
        image_id=identity.image_id("bucket", origin),
        arrived_at=found.modified_at,
        source="bucket",
        origin=origin,
        object_key=found.key,
        object_version=found.version,
        size_bytes=found.size_bytes,
    )


def printable(text: str) -> str | None:
    """Returns what a sender says as text that every store accepts: printable, 255 characters."""
    return "".join(filter(str.isprintable, text))[:_TEXT_LENGTH].strip() or None


def _is_known(found: ObjectVersion, known: KnownObjects) -> bool:
    as_drop, *by_key = possible_ids(found)
    if as_drop in known.object_keys:
        return True
    # A message's key has a day in it: under another day the object is not the message's.
    is_upload = identity.read_upload_key(found.key) is not None
    return any(
        one in known.object_keys and (is_upload or known.object_keys[one] == found.key)
        for one in by_key
    )


def _is_awaited(landed: identity.LandedKey, topics: Mapping[str, LandedTopic]) -> bool:
    """Tells whether the landing has yet to come to the message that a key is about."""
    topic = topics.get(landed.topic)
    if topic is None or topic.incarnation != landed.incarnation:
        return False
    return topic.next_offsets.get(landed.partition, 0) <= landed.offset


def _message_id(key: str) -> UUID | None:
    landed = identity.read_landed_key(key)
    return identity.image_id("kafka", identity.landed_origin(landed)) if landed else None


def _time_in_key(key: str) -> datetime | None:
    parts = key.split("/")
    if identity.read_upload_key(key) is not None:
        told = f"{parts[1]}T{parts[2]}:00Z"
    elif identity.read_landed_key(key) is not None:
        told = f"{parts[2]}T00:00Z"
    else:
        return None
    try:
        return datetime.fromisoformat(told)
    except ValueError:
        return None
