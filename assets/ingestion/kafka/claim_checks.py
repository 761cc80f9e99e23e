"""Claim checks: messages without bytes that name an object in the raw bucket.

The image is the one that registration makes of that object version, whichever of the two comes
first.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from assets.catalog.records import Arrival
from assets.ingestion.bucket.known import read_known
from assets.ingestion.bucket.raw_objects import KnownObjects, ObjectStatus, classify
from assets.ingestion.bucket.raw_objects import describe as describe_object
from assets.platform import Platform
from assets.resources.messages import Message
from assets.resources.object_store import ObjectMissingError
from assets.resources.objects import ObjectHead
from assets.validation.reasons import Reason

_MAX_KEY_BYTES = 1024


@dataclass(frozen=True)
class ClaimCheck:
    """A claim check: the key that it names, and the message as an arrival of its own."""

    key: str
    message: Arrival


def claim_check_key(message: Message) -> str | None:
    """Returns the key in the raw bucket that a message without bytes names, if it names one."""
    return None if message.value else message.headers.get("s3-key") or None


@dataclass(frozen=True)
class ClaimCheckResolver:
    """Resolves claim checks; `threads` look up several objects at once."""

    platform: Platform
    threads: ThreadPoolExecutor

    def resolve(self, checks: Sequence[ClaimCheck], now: datetime) -> list[Arrival]:
        """Returns the arrivals that claim checks name, without those that are known or erased.

        A claim check whose object is missing becomes a rejected image without bytes.
        """
        if not checks:
            return []
        heads = list(self.threads.map(self._head, checks))
        found = [head.version for head in heads if head is not None]
        with self.platform.warehouse.connect() as connection:
            known = read_known(connection, found, self.platform.settings)
        age = self.platform.settings.purge_age
        images = (
            image_of(check, head, known, now, age)
            for check, head in zip(checks, heads, strict=True)
        )
        return [image for image in images if image is not None]

    def _head(self, check: ClaimCheck) -> ObjectHead | None:
        if "\0" in check.key or len(check.key.encode()) > _MAX_KEY_BYTES:
            return None
        try:
            return self.platform.object_store.head(self.platform.settings.raw_bucket, check.key)
        except ObjectMissingError:
            return None


def image_of(
    check: ClaimCheck,
    head: ObjectHead | None,
    known: KnownObjects,
    now: datetime,
    purge_age: timedelta,
) -> Arrival | None:
    """Returns the arrival that a claim check names; None if it is known, erased or landed itself.

    Args:
        head: The object's version and metadata; None if it is missing.
    """
    status = classify(head.version, known, now, purge_age) if head else None
    if status in {ObjectStatus.KNOWN, ObjectStatus.ERASED, ObjectStatus.LANDING}:
        return None
    if head is None or status is not ObjectStatus.NEW:
        return replace(check.message, reason=Reason.OBJECT_MISSING, quarantine_key=None)
    image, message = describe_object(head.version, head), check.message
    return replace(
        image,
        declared_content_type=image.declared_content_type or message.declared_content_type,
        filename=image.filename or message.filename,
        uploader=image.uploader or message.uploader,
    )
