"""The stages of one image: its bytes are fetched, processed, and what came of them is stored."""

from __future__ import annotations

from dataclasses import dataclass

from assets.catalog import identity, leases
from assets.catalog.records import (
    LeasedImage,
    Outcome,
    Rejected,
    RenditionRecord,
)
from assets.processing.recipe import Recipe
from assets.processing.result import ProcessedImage, Rendition
from assets.resources.object_store import ObjectMissingError, ObjectStore
from assets.settings import Settings
from assets.validation.headers import reject_size
from assets.validation.reasons import Reason


@dataclass(frozen=True)
class Fetched:
    """An original on its way: its bytes, or why it has none to work on."""

    claim: LeasedImage
    body: bytes | None
    reason: Reason | None = None


@dataclass(frozen=True)
class ImageStorage:
    """The way of an image from the raw bucket to the processed bucket or to quarantine.

    The ledger is told only afterwards, by whoever calls: effects come before records.
    """

    settings: Settings
    object_store: ObjectStore
    recipe: Recipe

    def fetch(self, claim: LeasedImage) -> Fetched:
        """Reads an original, unless it is rejected unread."""
        if claim.size_bytes and (reason := reject_size(claim.size_bytes)):
            return Fetched(claim, None, reason)
        try:
            body = self.object_store.get(*self._original(claim))
        except ObjectMissingError:
            return Fetched(claim, None, Reason.OBJECT_MISSING)
        gave_up = Reason.GAVE_UP if claim.claim_count > leases.MAX_ATTEMPTS else None
        return Fetched(claim, body, gave_up)

    def store(self, claim: LeasedImage, image: ProcessedImage) -> tuple[RenditionRecord, ...]:
        """Stores an image's renditions."""
        return tuple(self._store_one(claim, rendition) for rendition in image.renditions)

    def reject(self, fetched: Fetched, reason: Reason) -> Rejected:
        """Puts a rejected image's bytes into quarantine, unless they are there."""
        claim, bucket = fetched.claim, self.settings.quarantine_bucket
        if reason is Reason.OBJECT_MISSING:
            return Rejected(claim, reason, None)
        if claim.quarantine_key is not None:
            return Rejected(claim, reason, claim.quarantine_key)
        key = identity.quarantine_key(claim.image_id, claim.arrived_at)
        if fetched.body is None:
            self.object_store.copy(self._original(claim), (bucket, key))
        else:
            self.object_store.put(bucket, key, fetched.body, "application/octet-stream")
        return Rejected(claim, reason, key)

    def delete(self, outcome: Outcome) -> None:
        """Deletes what was stored for an image that nobody may see any more."""
        if isinstance(outcome, Rejected):
            bucket, keys = self.settings.quarantine_bucket, [outcome.quarantine_key]
        else:
            bucket, keys = (
                self.settings.processed_bucket,
                [r.object_key for r in outcome.renditions],
            )
        self.object_store.delete(bucket, [(key, None) for key in keys if key])

    def _original(self, claim: LeasedImage) -> tuple[str, str, str | None]:
        """Returns where the bytes are: in quarantine, if the image was rejected once before."""
        if claim.quarantine_key is not None:
            return self.settings.quarantine_bucket, claim.quarantine_key, None
        return self.settings.raw_bucket, claim.object_key, claim.object_version

    def _store_one(self, claim: LeasedImage, rendition: Rendition) -> RenditionRecord:
        key = identity.rendition_key(
            claim.image_id, claim.arrived_at, self.recipe.hash, rendition.file
        )
        self.object_store.put(
            self.settings.processed_bucket,
            key,
            rendition.body,
            rendition.content_type,
            {"recipe": self.recipe.title, "recipe-hash": self.recipe.hash},
        )
        return RenditionRecord(
            name=rendition.name,
            object_key=key,
            format=rendition.format,
            width_px=rendition.width_px,
            height_px=rendition.height_px,
            size_bytes=len(rendition.body),
        )
