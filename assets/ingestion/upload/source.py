"""The upload source: one image per upload that the upload API accepts.

The API registers the images itself when it can; those that it only stored, and those that callers
send to the bucket directly, are registered from the raw bucket by their keys and signed metadata.
"""

import re
from datetime import UTC, datetime
from urllib.parse import unquote
from uuid import UUID

from assets.catalog.identity import image_id
from assets.catalog.records import Arrival
from assets.ingestion.source import HOUR, IngestionSource, ParsedKey, printable, start_of
from assets.ingestion.upload.signature import read_statement
from assets.resources.objects import ObjectHead
from assets.settings import Settings

_KEY = re.compile(
    r"upload/(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})/(?P<hour>[0-9]{2})/"
    r"(?P<image>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
)


def upload_id(uploader: str, idempotency_key: str) -> UUID:
    """Returns the id of the image that an uploader sends with an idempotency key."""
    return image_id(SOURCE.name, f"{uploader}:{idempotency_key}")


def upload_origin(image: UUID) -> str:
    """Returns the origin of an upload; uploads have ids first, and origins derived from them."""
    return f"upload/{image}"


def upload_key(image: UUID, received_at: datetime) -> str:
    """Returns the raw bucket's key of an upload: by hour, so that the recent are listed cheaply."""
    return f"upload/{received_at.astimezone(UTC):%Y-%m-%d/%H}/{image}"


def read_key(key: str) -> ParsedKey | None:
    """Parses a key such as `upload/2024-05-17/12/<image id>`."""
    if (found := _KEY.fullmatch(key)) is None:
        return None
    image = UUID(found["image"])
    return ParsedKey(image, upload_origin(image), start_of(found["day"], found["hour"]), HOUR)


def describe(key: ParsedKey, head: ObjectHead, settings: Settings) -> Arrival | None:
    """Returns the upload that an object is; one that the upload API did not sign is a drop.

    Raises `SigningKeyError` when the settings lack the key.
    """
    found = head.version
    said = read_statement(found.key, head.metadata, settings.upload_signing_key)
    if said is None:
        return None
    declared_type = unquote(head.metadata.get("declared-type", "")) or head.content_type or ""
    return Arrival(
        image_id=key.image_id,
        arrived_at=found.modified_at,
        source=SOURCE.name,
        origin=key.origin,
        object_key=found.key,
        object_version=found.version,
        size_bytes=found.size_bytes,
        declared_content_type=printable(declared_type),
        filename=printable(unquote(head.metadata.get("filename", ""))),
        uploader=said.uploader,
        sha256=said.sha256,
    )


SOURCE = IngestionSource(
    name="upload",
    read_key=read_key,
    describe=describe,
    has_one_key_per_image=False,
    hourly_folder="upload",
    reserved_folder="upload",
)
