"""Registration of objects in the raw bucket: notifications are fast, a listing is complete."""

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from assets.catalog import ledger
from assets.catalog.records import Arrival
from assets.counts import Counts
from assets.ingestion.bucket.listing import (
    ListedPage,
    Sweep,
    pages_of_slice,
    read_sweep,
    write_sweep,
)
from assets.ingestion.bucket.raw_objects import (
    ObjectStatus,
    classify,
    describe,
    needs_metadata,
    read_known,
)
from assets.ingestion.bucket.source import describe_drop
from assets.platform import Platform
from assets.resources.object_store import (
    ObjectMissingError,
    ObjectUnreadableError,
    QueueMissingError,
)
from assets.resources.objects import Notification, ObjectVersion, remaining
from assets.resources.warehouse import try_lock
from assets.timing import utc_now

_NOTIFICATIONS_PER_TRANSACTION = 500
_HEAD_THREADS = 8
_WAIT_SECONDS = 1  # the least that SQS waits; a wait that would outlast the linger is not begun


class RegistrationBusyError(Exception):
    """Another run is registering objects."""


@dataclass(frozen=True)
class Registered(Counts):
    """What one run registered: counts only."""

    notified: int = 0
    listed: int = 0
    new_images: int = 0


@dataclass(frozen=True)
class Registration:
    """Registers objects of the raw bucket in the ledger."""

    platform: Platform

    def run(self) -> Registered:
        """Reads notifications and, when it is due, lists the bucket, in turns, while there is more.

        Raises `ServerUnavailableError` when a server goes away; unacknowledged notifications come
        back, and the listing resumes where it stopped.
        """
        done, pages, wait_seconds = Registered(), self._pages(), 0
        budget_ends = time.monotonic() + self.platform.settings.run_budget_seconds
        idle_since = time.monotonic()
        while time.monotonic() < budget_ends:
            began = time.monotonic()
            try:
                drained = self._drain(wait_seconds)
            except QueueMissingError:  # the listing goes on, and a check turns red
                time.sleep(wait_seconds)
                drained = Registered()
            # As much time for the listing: a long queue that answers slowly does not hold it up.
            listed = self._list(pages, until=2 * time.monotonic() - began)
            done += drained + (listed or Registered())
            if listed is not None or drained.notified:
                idle_since = time.monotonic()
            elif (
                time.monotonic() - idle_since + _WAIT_SECONDS
                > self.platform.settings.run_linger_seconds
            ):
                break
            wait_seconds = 0 if listed is not None else _WAIT_SECONDS
        return done

    def _list(self, pages: Iterator[ListedPage | None], until: float) -> Registered | None:
        """Registers pages of the listing until a time, at least one; None if none is due."""
        done: Registered | None = None
        while (page := next(pages)) is not None:
            new_images = self._register(page.versions, page.sweep)
            counts = Registered(listed=len(page.versions), new_images=new_images)
            done = done + counts if done else counts
            if time.monotonic() >= until:
                break
        return done

    def _drain(self, wait_seconds: int) -> Registered:
        """Registers the objects of waiting notifications, at most one transaction's worth."""
        notifications = self._receive(wait_seconds)
        if not notifications:
            return Registered()
        new_images = self._register(remaining(notifications))
        self.platform.object_store.acknowledge(notifications)
        return Registered(notified=len(notifications), new_images=new_images)

    def _receive(self, wait_seconds: int) -> list[Notification]:
        received = self.platform.object_store.receive(wait_seconds)
        notifications = list(received)
        while received and len(notifications) < _NOTIFICATIONS_PER_TRANSACTION:
            received = self.platform.object_store.receive()
            notifications += received
        return notifications

    def _pages(self) -> Iterator[ListedPage | None]:
        """Lists a slice of the bucket whenever one is due; yields None in between."""
        with self.platform.warehouse.connect() as connection:
            sweep = read_sweep(connection, self.platform.settings.raw_bucket)
        while True:
            now = utc_now()
            if sweep.is_due(now, self.platform.settings.sweep_interval):
                for page in pages_of_slice(self.platform, sweep, now):
                    yield page
                    sweep = page.sweep or sweep
            yield None

    def _register(self, found: Iterable[ObjectVersion], sweep: Sweep | None = None) -> int:
        """Registers new images and the listing's progress in a transaction; returns how many."""
        arrivals = self._arrivals(
            [one for one in found if one.bucket == self.platform.settings.raw_bucket]
        )
        if not arrivals and sweep is None:
            return 0
        with self.platform.warehouse.connect() as connection:
            if not try_lock(connection, "register_raw_objects"):
                raise RegistrationBusyError(
                    "Another run is registering objects; this run gives way."
                )
            key = self.platform.settings.erasure_key
            new_images = ledger.register(connection, arrivals, utc_now(), key)
            if sweep is not None:
                write_sweep(connection, self.platform.settings.raw_bucket, sweep)
        return new_images

    def _arrivals(self, found: list[ObjectVersion]) -> list[Arrival]:
        if not found:
            return []
        with self.platform.warehouse.connect() as connection:
            known = read_known(connection, found, self.platform.settings)
        now, age = utc_now(), self.platform.settings.purge_age
        new = [one for one in found if classify(one, known, now, age) is ObjectStatus.NEW]
        with ThreadPoolExecutor(_HEAD_THREADS) as threads:
            return [arrival for arrival in threads.map(self._describe, new) if arrival]

    def _describe(self, found: ObjectVersion) -> Arrival | None:
        """Describes an object version; None for an upload that no longer exists.

        A drop that no longer exists becomes a row nevertheless, which processing rejects: its
        sender gets no other answer.
        """
        if not needs_metadata(found):
            return describe_drop(found)
        try:
            head = self.platform.object_store.head(found.bucket, found.key, found.version)
        except ObjectMissingError:
            return None
        except ObjectUnreadableError:  # whose it is cannot be known
            return describe_drop(found)
        return describe(head, self.platform.settings)
