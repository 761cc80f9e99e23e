"""Images for the purge to delete: small objects in buckets of their own, and their rows."""

import random
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from assets.catalog import identity
from assets.ingestion.upload.source import upload_key
from assets.resources.object_store import ObjectStore, open_client
from assets.resources.warehouse import Connection, Warehouse
from assets.settings import Settings
from infra.object_store.buckets import create_bucket
from infra.progress import progress_bar

OBJECTS_OF_AN_IMAGE = 2

_SENDERS = 8
_ROW_BATCH_SIZE = 10_000
_CONTENT_TYPE = "image/jpeg"
_BODY = random.Random(0).randbytes(1000)  # noqa: S311 - sizes matter, not secrets

_INSERT_IMAGES = """
    insert into image_catalog.image (
        image_id, arrived_at, source, origin, object_key, object_version, size_bytes, uploader,
        state, finished_at, recipe_hash
    )
    select
        image_id, %(arrived_at)s, 'upload', 'upload/' || image_id, object_key, object_version,
        %(size_bytes)s, %(uploader)s, 'processed', %(arrived_at)s, 'benchmark'
    from unnest(%(ids)s::uuid[], %(keys)s::text[], %(versions)s::text[])
        as stored (image_id, object_key, object_version)
"""
_INSERT_RENDITIONS = """
    insert into image_catalog.rendition (
        image_id, arrived_at, rendition_name, object_key, recipe_hash, format, width_px, height_px,
        size_bytes
    )
    select
        image_id, %(arrived_at)s, 'thumbnail', object_key, 'benchmark', 'JPEG', 256, 192,
        %(size_bytes)s
    from unnest(%(ids)s::uuid[], %(rendition_keys)s::text[]) as stored (image_id, object_key)
"""


@dataclass(frozen=True)
class Stored:
    """An image that has an original and a rendition in the object store."""

    image_id: UUID
    object_key: str
    object_version: str | None
    rendition_key: str


def dedicated_buckets(settings: Settings) -> Settings:
    """Creates buckets that nothing else uses; returns the settings that name them."""
    token = uuid.uuid4().hex[:8]
    names = ("raw_bucket", "processed_bucket", "quarantine_bucket", "logs_bucket")
    own = settings.model_copy(update={name: f"{name.split('_')[0]}-{token}" for name in names})
    s3 = open_client("s3", own)
    for bucket in (*own.image_buckets, own.logs_bucket):
        create_bucket(s3, bucket)
    s3.put_bucket_versioning(Bucket=own.raw_bucket, VersioningConfiguration={"Status": "Enabled"})
    return own


def bucket_variables(own: Settings) -> dict[str, str]:
    """Returns the variables by which a program finds these buckets."""
    return {
        "RAW_BUCKET": own.raw_bucket,
        "PROCESSED_BUCKET": own.processed_bucket,
        "QUARANTINE_BUCKET": own.quarantine_bucket,
        "LOGS_BUCKET": own.logs_bucket,
    }


def store_images(settings: Settings, count: int, arrived_at: datetime) -> list[Stored]:
    """Stores as many images, an original and a rendition each, in parallel, with progress."""
    store = ObjectStore(settings)

    def store_one(image: UUID) -> Stored:
        key = upload_key(image, arrived_at)
        rendition = identity.rendition_key(image, arrived_at, "benchmark", "thumbnail.jpg")
        version = store.put(settings.raw_bucket, key, _BODY, _CONTENT_TYPE)
        store.put(settings.processed_bucket, rendition, _BODY, _CONTENT_TYPE)
        return Stored(image, key, version, rendition)

    with ThreadPoolExecutor(_SENDERS) as threads:
        stored = threads.map(store_one, (uuid.uuid4() for _ in range(count)))
        with progress_bar() as bar:
            return list(bar.track(stored, count, description=f"storing {count:,} images"))


def make_images(settings: Settings, count: int, arrived_at: datetime, uploader: str) -> None:
    """Stores images and writes their rows, as processed uploads that arrived at that time."""
    stored = store_images(settings, count, arrived_at)
    with Warehouse.from_settings(settings).connect() as connection:
        day = arrived_at.astimezone(UTC).date()
        connection.execute("select image_catalog.ensure_day(%s)", [day])
        for start in range(0, count, _ROW_BATCH_SIZE):
            _write_rows(connection, stored[start : start + _ROW_BATCH_SIZE], arrived_at, uploader)


def _write_rows(
    connection: Connection, images: Sequence[Stored], arrived_at: datetime, uploader: str
) -> None:
    values = {
        "arrived_at": arrived_at,
        "uploader": uploader,
        "size_bytes": len(_BODY),
        "ids": [image.image_id for image in images],
        "keys": [image.object_key for image in images],
        "versions": [image.object_version for image in images],
        "rendition_keys": [image.rendition_key for image in images],
    }
    connection.execute(_INSERT_IMAGES, values)
    connection.execute(_INSERT_RENDITIONS, values)
