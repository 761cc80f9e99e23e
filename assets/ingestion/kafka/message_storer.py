"""Kafka messages become arrivals: their bytes are stored, or their claim checks resolved."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from assets.catalog import identity
from assets.catalog.records import Arrival
from assets.ingestion.kafka.claim_checks import ClaimCheck, ClaimCheckResolver, claim_check_key
from assets.ingestion.kafka.source import SOURCE, landed_key, message_arrival, message_origin
from assets.ingestion.source import printable
from assets.memory import share_heaps
from assets.platform import Platform
from assets.resources.messages import Message
from assets.settings import Settings
from assets.validation.headers import reject_size

_STORE_THREADS = 8
_MESSAGE_OVERHEAD_BYTES = 4096


@dataclass(frozen=True)
class StoringBatch:
    """Messages that are being stored, and claim checks, which are resolved when it is finished.

    Attributes:
        size_bytes: Roughly the memory that they occupy until they are stored; never 0.
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

    def begin(self, messages: Sequence[Message], incarnation: int, now: datetime) -> StoringBatch:
        """Begins to store messages and returns immediately."""
        storing: list[Future[Arrival]] = []
        checks: list[ClaimCheck] = []
        for message in messages:
            arrival = describe(message, incarnation, now, self.platform.settings)
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
        resolver = ClaimCheckResolver(self.platform, self.threads)
        return stored + resolver.resolve(batch.checks, now)

    def _store(self, message: Message, arrival: Arrival) -> Arrival:
        """Stores a message's bytes; what cannot be an image goes to quarantine."""
        bucket, key = (
            (self.platform.settings.quarantine_bucket, arrival.quarantine_key)
            if arrival.quarantine_key
            else (self.platform.settings.raw_bucket, arrival.object_key)
        )
        body = message.value or b""
        version = self.platform.object_store.put(bucket, key, body, "application/octet-stream")
        return replace(arrival, object_version=None if arrival.reason else version)


@contextmanager
def open_message_storer(platform: Platform) -> Iterator[MessageStorer]:
    """Opens a storer; if the block fails, messages whose storing has not begun are left."""
    share_heaps()
    threads = ThreadPoolExecutor(_STORE_THREADS)
    try:
        yield MessageStorer(platform, threads)
    finally:
        threads.shutdown(cancel_futures=True)


def describe(message: Message, incarnation: int, now: datetime, settings: Settings) -> Arrival:
    """Returns the arrival that a message is, from its origin, size and headers."""
    origin = message_origin(message, incarnation)
    image = identity.image_id(SOURCE.name, origin)
    arrived_at = message_arrival(message, now, settings.retention)
    size_bytes = len(message.value or b"")
    reason = reject_size(size_bytes)
    return Arrival(
        image_id=image,
        arrived_at=arrived_at,
        source=SOURCE.name,
        origin=origin,
        object_key=landed_key(message, incarnation),
        object_version=None,
        size_bytes=size_bytes,
        declared_content_type=printable(message.headers.get("content-type", "")),
        filename=printable(message.headers.get("filename", "")),
        uploader=printable(message.headers.get("uploader", "")),
        reason=reason,
        quarantine_key=identity.quarantine_key(image, arrived_at) if reason else None,
    )
