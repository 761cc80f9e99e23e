"""Outcomes made up for tests: images known and claimed, and what came of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from assets.catalog import leases, ledger, outcomes
from assets.catalog.facts import ImageFacts
from assets.catalog.records import (
    Arrival,
    LeasedImage,
    Outcome,
    Processed,
    RenditionRecord,
    StageSeconds,
)
from assets.processing.recipe import Recipe, read_recipe

if TYPE_CHECKING:
    from tests.integration.conftest import Platform

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
LEASE_DURATION = timedelta(minutes=10)
DIGEST = bytes(range(32))
STANDARD = read_recipe("standard")
OTHER = STANDARD.model_copy(update={"version": 99})
SMALL_FACTS = ImageFacts("PNG", "L", 1, 1, DIGEST)
SECONDS = StageSeconds(0.25, 0.5, 0.125, 1.0, 2.0, 4.0, 8.0)


def lease_request(
    day: date, run_id: str = "a run", lease: timedelta = LEASE_DURATION, recipe: Recipe = STANDARD
) -> leases.LeaseRequest:
    return leases.LeaseRequest(day, run_id, lease, recipe.hash)


@dataclass(frozen=True)
class Catalogue:
    """A test's catalogue; each of its changes is a transaction of its own."""

    platform: Platform

    def claimed(self, count: int = 1, run_id: str = "a run", **changes: Any) -> list[LeasedImage]:
        """Makes images known and claims them."""
        told = {"source": "kafka", "origin": "o", "object_key": "k", "object_version": None}
        arrivals = [Arrival(uuid4(), NOW, size_bytes=5, **told | changes) for _ in range(count)]
        with self.platform.warehouse.connect() as connection:
            ledger.register(connection, arrivals, NOW, None)
            return leases.claim(connection, lease_request(NOW.date(), run_id), count)

    def claim_again(self, recipe: Recipe) -> list[LeasedImage]:
        """Claims what another recipe than this one has made."""
        with self.platform.warehouse.connect() as connection:
            return leases.claim(
                connection, lease_request(NOW.date(), recipe=recipe), 100, outdated=True
            )

    def write(self, *made: Outcome, run_id: str = "a run", now: datetime = NOW) -> int:
        with self.platform.warehouse.connect() as connection:
            return outcomes.write(connection, run_id, made, now, self.platform.settings.erasure_key)

    def rendition_keys(self) -> set[str]:
        rows = self.platform.query("select object_key from image_catalog.rendition")
        return {key for (key,) in rows}

    def replaced_keys(self) -> set[str]:
        rows = self.platform.query("select object_key from image_catalog.replaced_object")
        return {key for (key,) in rows}

    def everything(self) -> list[list[tuple]]:
        return [
            self.platform.query(f"select * from image_catalog.{table} order by 1, 2, 3")
            for table in ("image", "rendition", "replaced_object", "arrival_count")
        ]


def processed(
    claim: LeasedImage,
    facts: ImageFacts = SMALL_FACTS,
    recipe: Recipe = STANDARD,
    names: tuple[str, ...] = ("medium", "thumbnail"),
) -> Processed:
    renditions = tuple(
        RenditionRecord(name, key_of(claim, recipe, name), "JPEG", 4, 3, 99) for name in names
    )
    return Processed(claim, facts, recipe.record, "company 7", SECONDS, renditions)


def key_of(claim: LeasedImage, recipe: Recipe, name: str) -> str:
    return f"{claim.image_id}/{recipe.hash}/{name}"
