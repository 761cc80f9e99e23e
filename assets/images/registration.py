"""Objects in the raw bucket made known: notifications for speed, a listing for truth."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from assets.counts import Counts
from assets.images import identity, ledger, progress
from assets.images.progress import Sweep
from assets.images.records import Arrival
from assets.resources.object_store import ObjectStore
from assets.resources.objects import ObjectVersion
from assets.resources.warehouse import Warehouse
from assets.settings import Settings
from assets.timing import utc_now

_RECEIVES_PER_TRANSACTION = 50


class RegistrationBusyError(Exception):
    """Another run registers objects right now."""


@dataclass(frozen=True)
class Registered(Counts):
    """What one run found: counts only."""

    notified: int = 0
    listed: int = 0
    new_images: int = 0


@dataclass(frozen=True)
class Registration:
    """The way from the raw bucket to the ledger."""

    settings: Settings
    object_store: ObjectStore
    warehouse: Warehouse

    def run(self) -> Registered:
        """Drains the notifications, lists the bucket if that is due, and waits a while for more.

        Raises `ServerUnavailableError` when a server goes away; unacknowledged notifications come
        back, and the listing resumes where it stood.
        """
        budget_ends = time.monotonic() + self.settings.run_budget_seconds
        done = self._drain(budget_ends) + self._sweep(budget_ends)
        idle_since = time.monotonic()
        while time.monotonic() < budget_ends:
            drained = self._drain(budget_ends, wait_seconds=1)
            done += drained
            if drained.notified:
                idle_since = time.monotonic()
            elif time.monotonic() - idle_since >= self.settings.run_linger_seconds:
                break
        return done

    def _drain(self, budget_ends: float, wait_seconds: int = 0) -> Registered:
        done = Registered()
        while time.monotonic() < budget_ends:
            notifications = []
            for _ in range(_RECEIVES_PER_TRANSACTION):
                received = self.object_store.receive(wait_seconds)
                notifications += received
                if not received:
                    break
            if not notifications:
                break
            created = [found for notification in notifications for found in notification.created]
            done += Registered(notified=len(notifications), new_images=self._register(created))
            self.object_store.acknowledge(notifications)
        return done

    def _sweep(self, budget_ends: float) -> Registered:
        """Lists the bucket from where the last listing stood, page by page."""
        bucket, done = self.settings.raw_bucket, Registered()
        with self.warehouse.connect() as connection:
            sweep = progress.read_sweep(connection, bucket)
        while (
            is_sweep_due(sweep, utc_now(), self.settings.sweep_interval)
            and time.monotonic() < budget_ends
        ):
            page = self.object_store.page_of_versions(
                bucket, sweep.resume_key, sweep.resume_version
            )
            at_end = page.next_key is None
            sweep = Sweep(
                page.next_key, page.next_version, utc_now() if at_end else sweep.completed_at
            )
            new_images = self._register(page.versions, sweep)
            done += Registered(listed=len(page.versions), new_images=new_images)
        return done

    def _register(self, found: Iterable[ObjectVersion], sweep: Sweep | None = None) -> int:
        arrivals = [describe(version) for version in found if is_somebodys(version, self.settings)]
        with self.warehouse.connect() as connection:
            if not progress.hold(connection, "register_raw_objects"):
                raise RegistrationBusyError("Another run registers objects; this one gives way.")
            new_images = ledger.register(connection, arrivals, utc_now())
            if sweep is not None:
                progress.write_sweep(connection, self.settings.raw_bucket, sweep)
        return new_images


def is_sweep_due(sweep: Sweep, now: datetime, interval: timedelta) -> bool:
    """Tells whether the bucket should be listed: a listing is under way, or the last one is old."""
    if sweep.resume_key is not None or sweep.completed_at is None:
        return True
    return now - sweep.completed_at >= interval


def is_somebodys(found: ObjectVersion, settings: Settings) -> bool:
    """Tells whether somebody put an object, and not the landing, which registers its own."""
    return found.bucket == settings.raw_bucket and not identity.is_landed_key(found.key)


def describe(found: ObjectVersion) -> Arrival:
    """Returns the arrival that an object version is."""
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
