"""Who an image is: its id and its keys follow from its origin alone.

Work that is repeated after a crash therefore finds the same id and keys, and changes nothing.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

from assets.resources.event_log import Message
from assets.resources.objects import ObjectVersion

_NAMESPACE = UUID("6b0c5a52-51d4-5b0e-9c43-6f1f7f1f4f0d")
_LANDED_KEY = re.compile(r"kafka/[a-zA-Z0-9._-]+/[0-9]{4}-[0-9]{2}-[0-9]{2}/[0-9]+-[0-9]+")


def message_origin(message: Message) -> str:
    """Names a message: topic/partition/offset."""
    return f"{message.topic}/{message.partition}/{message.offset}"


def object_origin(found: ObjectVersion) -> str:
    """Names an object version: bucket/key with its version, or entity tag where none is kept."""
    return f"{found.bucket}/{found.key}?{found.version or found.etag}"


def image_id(source: str, origin: str) -> UUID:
    """Returns the id of the image from that origin."""
    return uuid5(_NAMESPACE, f"{source}:{origin}")


def landed_key(message: Message) -> str:
    """Returns the raw bucket's key for a message's bytes: the same for every repetition."""
    day = message.sent_at.date().isoformat()
    return f"kafka/{message.topic}/{day}/{message.partition}-{message.offset}"


def is_landed_key(key: str) -> bool:
    """Tells whether the landing of Kafka messages made this key, and not somebody's drop."""
    return _LANDED_KEY.fullmatch(key) is not None


def rendition_key(image: UUID, arrived_at: datetime, recipe_hash: str, name: str) -> str:
    """Returns the processed bucket's key of a rendition."""
    return f"{arrived_at.astimezone(UTC).date()}/{image}/{recipe_hash}/{name}.jpg"


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
