"""Ids and keys of images: both follow from the origin, so repeated work finds them again.

Which origin and which key an image of the raw bucket has is for its ingestion source to say.
"""

from datetime import UTC, datetime
from uuid import UUID, uuid5

_NAMESPACE = UUID("6b0c5a52-51d4-5b0e-9c43-6f1f7f1f4f0d")


def image_id(source: str, origin: str) -> UUID:
    """Returns the id of the image from that origin of that ingestion source."""
    return uuid5(_NAMESPACE, f"{source}:{origin}")


def place_of(origin: str) -> str:
    """Returns the topic or bucket of an origin: what is before the first slash.

    A recreated topic is the same place, so its incarnation does not count.
    """
    return origin.partition("/")[0].partition("~")[0]


def rendition_key(image: UUID, arrived_at: datetime, recipe_hash: str, file: str) -> str:
    """Returns the processed bucket's key of a rendition; `file` is such as `medium.jpg`."""
    return f"{arrived_at.astimezone(UTC).date()}/{image}/{recipe_hash}/{file}"


def quarantine_key(image: UUID, arrived_at: datetime) -> str:
    """Returns the quarantine bucket's key of a rejected image's original."""
    return f"{arrived_at.astimezone(UTC).date()}/{image}"
