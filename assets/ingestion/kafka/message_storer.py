"""Kafka messages become arrivals: their bytes are stored, or their claim checks resolved.

A claim check is a message without bytes that names an object in the raw bucket. Its image is the
one that registration makes of that object version, whichever of the two comes first.
"""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from assets.catalog import identity
from assets.catalog.records import Arrival
from assets.ingestion.bucket.raw_objects import KnownObjects, ObjectStatus, classify, read_known
from assets.ingestion.bucket.raw_objects import describe as describe_object
from assets.ingestion.kafka.lineage import Lineage
from assets.ingestion.kafka.source import SOURCE, landed_key, message_arrival, message_origin
from assets.ingestion.source import printable
from assets.memory import share_heaps
from assets.platform import Platform
from assets.resources.messages import Message
from assets.resources.object_store import ObjectMissingError, ObjectUnreadableError
from assets.resources.objects import ObjectHead
from assets.settings import Settings
from assets.validation.headers import reject_size
from assets.validation.reasons import Reason

_STORE_THREADS = 8
_MESSAGE_OVERHEAD_BYTES = 4096
_MAX_KEY_BYTES = 1024


@dataclass(frozen=True)
class ClaimCheck:
    """A claim check: the key that it names, and the message as an arrival of its own."""

    key: str
    message: Arrival


@dataclass(frozen=True)
class StoringBatch:
    """Messages that are being stored, and claim checks, which are resolved when it is finished.

    `size_bytes` is roughly the memory that they occupy until they are stored; never 0.
    """

    storing: Sequence[Future[Arrival]]
    checks: Sequence[ClaimCheck]
    messages: int
    size_bytes: int


@dataclass(frozen=True)
class MessageStorer:
    """Stores messages in the raw bucket; `threads` store and look up several objects at once."""

    platform: Platform
    threads: ThreadPoolExecutor

    def begin(self, messages: Sequence[Message], lineage: Lineage, now: datetime) -> StoringBatch:
        """Begins to store messages and returns immediately."""
        storing: list[Future[Arrival]] = []
        checks: list[ClaimCheck] = []
        for message in messages:
            arrival = describe(message, lineage, now, self.platform.settings)
            if (key := claim_check_key(message)) is not None:
                checks.append(ClaimCheck(key, arrival))
            else:
                storing.append(self.threads.submit(self._store, message, arrival))
        size_bytes = sum(
            len(message.value or b"") + _MESSAGE_OVERHEAD_BYTES for message in messages
        )
        return StoringBatch(storing, checks, len(messages), size_bytes + _MESSAGE_OVERHEAD_BYTES)

    def finish(self, batch: StoringBatch, now: datetime) -> list[Arrival]:
        """Waits until messages are durable, and returns their arrivals."""
        stored = [future.result() for future in batch.storing]
        return stored + self._resolve(batch.checks, now)

    def _store(self, message: Message, arrival: Arrival) -> Arrival:
        """Stores a message's bytes; what cannot be an image goes to quarantine."""
        bucket, key = (
            (self.platform.settings.quarantine_bucket, arrival.quarantine_key)
            if arrival.quarantine_key
            else (self.platform.settings.raw_bucket, arrival.object_key)
        )
        body = message.value or b""
        version = self.platform.object_store.put(bucket, key, body, "application/octet-stream")
        return replace(
            arrival,
            object_version=None if arrival.reason else version,
            sha256=hashlib.sha256(body).digest(),
        )

    def _resolve(self, checks: Sequence[ClaimCheck], now: datetime) -> list[Arrival]:
        """Returns the arrivals that claim checks name, without those that are known or erased."""
        if not checks:
            return []
        heads = list(self.threads.map(self._head, checks))
        found = [head.version for head in heads if isinstance(head, ObjectHead)]
        with self.platform.warehouse.connect() as connection:
            known = read_known(connection, found, self.platform.settings)
        settings, pairs = self.platform.settings, zip(checks, heads, strict=True)
        return [one for pair in pairs if (one := image_of(*pair, known, now, settings)) is not None]

    def _head(self, check: ClaimCheck) -> ObjectHead | Reason:
        """Returns an object's metadata, or why its image is rejected."""
        if "\0" in check.key or len(check.key.encode()) > _MAX_KEY_BYTES:
            return Reason.OBJECT_MISSING
        try:
            return self.platform.object_store.head(self.platform.settings.raw_bucket, check.key)
        except ObjectMissingError:
            return Reason.OBJECT_MISSING
        except ObjectUnreadableError:
            return Reason.OBJECT_UNREADABLE


@contextmanager
def open_message_storer(platform: Platform) -> Iterator[MessageStorer]:
    """Opens a storer; if the block fails, messages whose storing has not begun are left."""
    share_heaps()
    threads = ThreadPoolExecutor(_STORE_THREADS)
    try:
        yield MessageStorer(platform, threads)
    finally:
        threads.shutdown(cancel_futures=True)


def claim_check_key(message: Message) -> str | None:
    """Returns the key in the raw bucket that a message without bytes names, if it names one."""
    return None if message.value else message.headers.get("s3-key") or None


def image_of(
    check: ClaimCheck,
    head: ObjectHead | Reason,
    known: KnownObjects,
    now: datetime,
    settings: Settings,
) -> Arrival | None:
    """Returns the arrival that a claim check names; None if it is known, erased or landed itself.

    Without a head, or when its object is too old, it is a rejected image without bytes.
    """
    if isinstance(head, Reason):
        return replace(check.message, reason=head, quarantine_key=None)
    status = classify(head.version, known, now, settings.purge_age)
    if status in {ObjectStatus.KNOWN, ObjectStatus.ERASED, ObjectStatus.LANDING}:
        return None
    if status is not ObjectStatus.NEW:
        return replace(check.message, reason=Reason.OBJECT_MISSING, quarantine_key=None)
    image, message = describe_object(head, settings), check.message
    return replace(
        image,
        declared_content_type=image.declared_content_type or message.declared_content_type,
        filename=image.filename or message.filename,
        uploader=image.uploader or message.uploader,
    )


def describe(message: Message, lineage: Lineage, now: datetime, settings: Settings) -> Arrival:
    """Returns the arrival that a message is, from its origin, size and headers."""
    origin, size_bytes = message_origin(message, lineage), len(message.value or b"")
    image = identity.image_id(SOURCE.name, origin)
    reason = Reason.MESSAGE_UNREADABLE if message.is_unreadable else reject_size(size_bytes)
    arrived_at = message_arrival(message, now, settings.retention)
    return Arrival(
        image_id=image,
        arrived_at=arrived_at,
        source=SOURCE.name,
        origin=origin,
        object_key=landed_key(message, lineage),
        object_version=None,
        size_bytes=size_bytes,
        declared_content_type=printable(message.headers.get("content-type", "")),
        filename=printable(message.headers.get("filename", "")),
        uploader=printable(message.headers.get("uploader", "")),
        reason=reason,
        quarantine_key=identity.quarantine_key(image, arrived_at) if reason else None,
    )
