"""Who an image is: its id and its keys follow from its origin alone.

Work that is repeated after a crash therefore finds the same id and keys, and changes nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

from assets.resources.messages import Message
from assets.resources.objects import ObjectVersion

_NAMESPACE = UUID("6b0c5a52-51d4-5b0e-9c43-6f1f7f1f4f0d")
_LANDED_KEY = re.compile(
    r"kafka/(?P<topic>[a-zA-Z0-9._-]+)(~(?P<incarnation>[1-9][0-9]*))?"
    r"/[0-9]{4}-[0-9]{2}-[0-9]{2}/(?P<partition>[0-9]+)-(?P<offset>[0-9]+)"
)
_UPLOAD_KEY = re.compile(
    r"upload/[0-9]{4}-[0-9]{2}-[0-9]{2}/[0-9]{2}/"
    r"(?P<image>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
)


@dataclass(frozen=True)
class LandedKey:
    """What the key of a landed message says of it."""

    topic: str
    incarnation: int
    partition: int
    offset: int


def message_origin(message: Message, incarnation: int) -> str:
    """Names a message: topic/partition/offset; a topic made anew has its number behind its name."""
    topic = _incarnated(message.topic, incarnation)
    return f"{topic}/{message.partition}/{message.offset}"


def object_origin(found: ObjectVersion) -> str:
    """Names an object version: bucket/key with its version, or entity tag where none is kept."""
    return f"{found.bucket}/{found.key}?{found.version or found.etag}"


def image_id(source: str, origin: str) -> UUID:
    """Returns the id of the image from that origin."""
    return uuid5(_NAMESPACE, f"{source}:{origin}")


def landed_origin(landed: LandedKey) -> str:
    """Names the message that a landed key is about, as `message_origin` does."""
    return f"{_incarnated(landed.topic, landed.incarnation)}/{landed.partition}/{landed.offset}"


def landed_key(message: Message, incarnation: int) -> str:
    """Returns the raw bucket's key for a message's bytes: the same for every repetition."""
    day = message.sent_at.date().isoformat()
    topic = _incarnated(message.topic, incarnation)
    return f"kafka/{topic}/{day}/{message.partition}-{message.offset}"


def read_landed_key(key: str) -> LandedKey | None:
    """Returns the message that a key of the landing's form is about; None for other keys.

    The form proves nothing: anybody may drop an object under such a key.
    """
    if (found := _LANDED_KEY.fullmatch(key)) is None:
        return None
    incarnation = int(found["incarnation"] or 0)
    return LandedKey(found["topic"], incarnation, int(found["partition"]), int(found["offset"]))


def upload_id(uploader: str, idempotency_key: str) -> UUID:
    """Returns the id of the image that an uploader sends under an idempotency key."""
    return uuid5(_NAMESPACE, f"upload:{uploader}:{idempotency_key}")


def upload_origin(image: UUID) -> str:
    """Names an upload."""
    return f"upload/{image}"


def upload_key(image: UUID, received_at: datetime) -> str:
    """Returns the raw bucket's key of an upload: by hour, so that the recent are listed cheaply."""
    return f"upload/{received_at.astimezone(UTC):%Y-%m-%d/%H}/{image}"


def read_upload_key(key: str) -> UUID | None:
    """Returns the image of an upload's key; None for other keys."""
    found = _UPLOAD_KEY.fullmatch(key)
    return UUID(found["image"]) if found else None


def _incarnated(topic: str, incarnation: int) -> str:
    return f"{topic}~{incarnation}" if incarnation else topic


def rendition_key(image: UUID, arrived_at: datetime, recipe_hash: str, file: str) -> str:
    """Returns the processed bucket's key of a rendition, whose file is such as `medium.jpg`."""
    return f"{arrived_at.astimezone(UTC).date()}/{image}/{recipe_hash}/{file}"


def quarantine_key(image: UUID, arrived_at: datetime) -> str:
    """Returns the quarantine bucket's key of a rejected image's bytes."""
    return f"{arrived_at.astimezone(UTC).date()}/{image}"


def message_arrival(message: Message, now: datetime, retention: timedelta) -> datetime:
    """Returns when a message's image arrived: retention counts from here.

    The broker's clock is believed. A sender's clock is believed while it tells a time within the
    retention; otherwise the image arrived now.
    """
    if message.is_broker_time or now - retention <= message.sent_at <= now:
        return message.sent_at
    return now
