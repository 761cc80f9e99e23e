"""The audit compares the raw bucket with the ledger and counts unregistered object versions."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from assets.counts import Counts
from assets.ingestion.bucket.listing import next_position, read_sweep
from assets.ingestion.bucket.raw_objects import ObjectStatus, classify, read_known
from assets.platform import Platform
from assets.resources.objects import ObjectVersion

REGISTRATION_GRACE = timedelta(minutes=15)
"""How long an object may stay unregistered, in addition to the interval of the listing."""

LANDING_DELAY = timedelta(days=1)
"""How long an object may be left to its source before a person should look."""


@dataclass(frozen=True)
class AuditCounts(Counts):
    """What an audit found: counts of object versions.

    Those that are `unregistered` should be in the ledger by now; those `left_to_landing` should
    have been registered by their source a day ago.
    """

    looked_at: int = 0
    unregistered: int = 0
    left_to_landing: int = 0

    @property
    def is_clean(self) -> bool:
        """Whether every listed version is accounted for."""
        return not self.unregistered and not self.left_to_landing


@dataclass(frozen=True)
class Audit:
    """Looks for unregistered object versions, page by page."""

    platform: Platform

    def run(self, now: datetime, seconds: float) -> tuple[AuditCounts, bool]:
        """Lists the raw bucket for the given time, starting at the sweep's position.

        There the last listing is longest ago, so a bucket too large for one audit is audited in
        parts. Returns what was found, and whether the whole bucket was listed.
        """
        ends = time.monotonic() + seconds
        audited = AuditCounts()
        for page in self._pages():
            audited += self._classify(page, now)
            if time.monotonic() >= ends:
                return audited, False
        return audited, True

    def _pages(self) -> Iterator[tuple[ObjectVersion, ...]]:
        """Lists the whole bucket: from the sweep's position to the end, then up to it."""
        bucket = self.platform.settings.raw_bucket
        with self.platform.warehouse.connect() as connection:
            begin = read_sweep(connection, bucket).resume_key
        yield from self._versions_after(begin)
        if begin is None:
            return
        for versions in self._versions_after(None):
            yield tuple(found for found in versions if found.key <= begin)
            if any(found.key > begin for found in versions):
                return

    def _versions_after(self, key: str | None) -> Iterator[tuple[ObjectVersion, ...]]:
        version: str | None = None
        while True:
            page = self.platform.object_store.page_of_versions(
                self.platform.settings.raw_bucket, key, version
            )
            yield page.versions
            key, version = next_position(page)
            if key is None:
                return

    def _classify(self, versions: tuple[ObjectVersion, ...], now: datetime) -> AuditCounts:
        grace = REGISTRATION_GRACE + self.platform.settings.sweep_interval
        old = [found for found in versions if found.modified_at <= now - grace]
        if not old:
            return AuditCounts(looked_at=len(versions))
        with self.platform.warehouse.connect() as connection:
            known = read_known(connection, old, self.platform.settings)
        age = self.platform.settings.purge_age
        seen = [(classify(found, known, now, age, delay=grace), found) for found in old]
        return AuditCounts(
            looked_at=len(versions),
            unregistered=sum(is_ in (ObjectStatus.NEW, ObjectStatus.INVALID) for is_, _ in seen),
            left_to_landing=sum(
                is_ is ObjectStatus.LANDING and found.modified_at <= now - LANDING_DELAY
                for is_, found in seen
            ),
        )
