"""Helpers that create orphans and observe what a purge of orphans does."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from assets.catalog import identity
from assets.resources.objects import ObjectVersion
from assets.retention.image_buckets import ImageBucket
from assets.retention.orphans import OrphanPurge
from assets.retention.receipts import Tally
from tests.integration.conftest import Platform

SECOND = timedelta(seconds=1)
HASH = "0123456789abcdef"


def purged(platform: Platform, now: datetime, *, may_take_any_share: bool = False) -> Tally:
    """Purges orphans as if it were `now`; returns what has gone."""
    tally = Tally()
    OrphanPurge(platform, now, may_take_any_share=may_take_any_share).run(tally)
    return tally


def orphans(platform: Platform, now: datetime) -> OrphanPurge:
    return OrphanPurge(platform, now)


def put_in(platform: Platform, bucket: ImageBucket, key: str, body: bytes = b"x") -> ObjectVersion:
    """Stores an object; returns it as a listing shows it."""
    platform.object_store.put(bucket.name_in(platform.settings), key, body, "image/jpeg")
    return max(
        (one for one in listed(platform, bucket) if one.key == key), key=lambda one: one.modified_at
    )


def put_rendition(platform: Platform, image: UUID | None = None) -> ObjectVersion:
    """Stores an object under the key of a rendition of an image that arrived today."""
    key = identity.rendition_key(image or uuid4(), datetime.now(UTC), HASH, "small.jpg")
    return put_in(platform, ImageBucket.PROCESSED, key)


def listed(platform: Platform, bucket: ImageBucket) -> list[ObjectVersion]:
    pages = platform.object_store.pages_of_versions(bucket.name_in(platform.settings))
    return [found for page in pages for found in page.versions]


def markers(platform: Platform, bucket: ImageBucket) -> list[ObjectVersion]:
    pages = platform.object_store.pages_of_versions(bucket.name_in(platform.settings))
    return [found for page in pages for found in page.delete_markers]


def everything(platform: Platform) -> set[tuple[str, str, str | None]]:
    return {
        (one.bucket, one.key, one.version)
        for bucket in ImageBucket
        for one in listed(platform, bucket)
    }


def erase(platform: Platform, image: UUID) -> None:
    with platform.warehouse.connect() as connection:
        connection.execute("insert into image_catalog.erased_image (image_id) values (%s)", [image])


def waiting_image(platform: Platform) -> UUID:
    """Registers an image that waits; returns its id."""
    platform.drop("waits.jpg", b"x")
    platform.register()
    [(image,)] = platform.query("select image_id from image_catalog.image")
    return image


def lease(platform: Platform, image: UUID, until: timedelta) -> None:
    """Has a run hold an image for so long from now on."""
    with platform.warehouse.connect() as connection:
        connection.execute(
            "update image_catalog.image set claimed_by = 'a run', lease_until = now() + %s "
            "where image_id = %s",
            [until, image],
        )


def name_rendition(platform: Platform, image: UUID, key: str) -> None:
    """Writes the row that a run writes once the object is stored."""
    with platform.warehouse.connect() as connection:
        connection.execute(
            """
            insert into image_catalog.rendition (
                image_id, arrived_at, rendition_name, object_key, recipe_hash, format, width_px,
                height_px, size_bytes
            )
            select image_id, arrived_at, 'small', %s, %s, 'JPEG', 1, 1, 1
            from image_catalog.image
            where image_id = %s
            """,
            [key, HASH, image],
        )
