"""Kafka messages landed in the raw bucket: bytes first, then rows and offsets together."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime

from assets.counts import Counts
from assets.images import identity, ledger, progress
from assets.images.records import Arrival
from assets.images.validation import Reason, reject_size
from assets.resources.event_log import EventLog, Message, Reader
from assets.resources.object_store import ObjectStore
from assets.resources.warehouse import Warehouse
from assets.settings import Settings
from assets.timing import utc_now

_STORE_THREADS = 8
_POLL_SECONDS = 1.0
_HEADER_LENGTH = 255


@dataclass(frozen=True)
class Landed(Counts):
    """What one run landed: counts only."""

    messages: int = 0
    new_images: int = 0
    rejected: int = 0
    size_bytes: int = 0


@dataclass(frozen=True)
class Landing:
    """The way from a topic to the raw bucket and the ledger."""

    settings: Settings
    event_log: EventLog
    object_store: ObjectStore
    warehouse: Warehouse

    def run(self) -> Landed:
        """Lands messages until none has come for a while or the time budget is used up.

        Raises `ServerUnavailableError` when a server goes away; what was committed stays, the rest
        is read again next time.
        """
        topic, landed = self.settings.kafka_topic, Landed()
        budget_ends = time.monotonic() + self.settings.run_budget_seconds
        with self.warehouse.connect() as connection:
            stored = progress.read_offsets(connection, topic)
        starts = {partition: offset for partition, (offset, _) in stored.items()}
        with (
            ThreadPoolExecutor(_STORE_THREADS) as threads,
            self.event_log.reader(topic, starts) as reader,
        ):
            idle_since = time.monotonic()
            while time.monotonic() < budget_ends:
                messages = reader.poll(_POLL_SECONDS)
                if messages:
                    landed += self._land(reader, messages, threads)
                    idle_since = time.monotonic()
                elif time.monotonic() - idle_since >= self.settings.run_linger_seconds:
                    break
        return landed

    def _land(
        self, reader: Reader, messages: Sequence[Message], threads: ThreadPoolExecutor
    ) -> Landed:
        now = utc_now()
        arrivals = list(threads.map(lambda message: self._store(message, now), messages))
        positions = reader.positions()
        with self.warehouse.connect() as connection:
            new_images = ledger.register(connection, arrivals, now)
            progress.write_offsets(connection, self.settings.kafka_topic, positions)
        reader.report({partition: offset for partition, (offset, _) in positions.items()})
        return Landed(
            messages=len(messages),
            new_images=new_images,
            rejected=sum(arrival.reason is not None for arrival in arrivals),
            size_bytes=sum(arrival.size_bytes for arrival in arrivals),
        )

    def _store(self, message: Message, now: datetime) -> Arrival:
        """Makes a message's bytes durable; what cannot be an image goes to quarantine."""
        body = message.value or b""
        reason = reject_size(len(body))
        arrival = describe(message, reason, now, self.settings)
        bucket, key = (
            (self.settings.quarantine_bucket, arrival.quarantine_key)
            if arrival.quarantine_key
            else (self.settings.raw_bucket, arrival.object_key)
        )
        version = self.object_store.put(bucket, key, body, "application/octet-stream")
        return replace(arrival, object_version=None if reason else version)


def describe(message: Message, reason: Reason | None, now: datetime, settings: Settings) -> Arrival:
    """Returns the arrival that a message is, from its origin and headers."""
    origin = identity.message_origin(message)
    image = identity.image_id("kafka", origin)
    arrived_at = identity.message_arrival(message, now, settings.retention)
    return Arrival(
        image_id=image,
        arrived_at=arrived_at,
        source="kafka",
        origin=origin,
        object_key=identity.landed_key(message),
        object_version=None,
        size_bytes=len(message.value or b""),
        declared_content_type=_header(message, "content-type"),
        filename=_header(message, "filename"),
        uploader=_header(message, "uploader"),
        reason=reason,
        quarantine_key=identity.quarantine_key(image, arrived_at) if reason else None,
    )


def _header(message: Message, name: str) -> str | None:
    """Returns a header as text that every store accepts: printable, of bounded length."""
    text = message.headers.get(name, "")
    return "".join(filter(str.isprintable, text))[:_HEADER_LENGTH].strip() or None
