"""Images for tests of retention, processed and rejected ones, and their purge."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from assets.retention.purge import Purge
from assets.retention.receipt_store import read_receipts
from assets.retention.receipts import Receipt, Tally, verify
from assets.retention.signing import key_id, open_signer
from infra.demo.photographs import Photograph

if TYPE_CHECKING:
    from tests.integration.conftest import Platform

REJECTED = 2


def fill(platform: Platform, pictures: Sequence[Photograph], letter: str = "letter.jpg") -> int:
    """Sends the pictures and an empty message by Kafka, two objects to the bucket; processes all.

    The second object has the key of the first if `letter` is `own.jpg`. Returns how many images
    there are; two of them are rejected.
    """
    platform.produce([picture.body for picture in pictures] + [b""])
    platform.drop("own.jpg", pictures[0].body)
    platform.drop(letter, b"Dear colleagues")
    platform.land()
    platform.register()
    platform.process()
    return len(pictures) + 3


def purge(platform: Platform, now: datetime, **options: Any) -> Tally:
    return Purge(platform, **options).run(now)


def receipts(platform: Platform) -> list[Receipt]:
    with platform.warehouse.connect() as connection:
        return list(read_receipts(connection))


def problems(platform: Platform) -> list[str]:
    """Returns the problems of the chain in the database."""
    key = open_signer(platform.settings).public_key
    return verify(receipts(platform), {key_id(key): key})


def objects(platform: Platform) -> int:
    """Counts versions and delete markers in all buckets of images."""
    return sum(
        len(page.versions) + len(page.delete_markers)
        for bucket in platform.settings.image_buckets
        for page in platform.object_store.pages_of_versions(bucket)
    )


def horizon(platform: Platform) -> datetime:
    [(until,)] = platform.query("select expired_until from image_catalog.horizon")
    return until
