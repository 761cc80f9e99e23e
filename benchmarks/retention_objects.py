"""Objects per second of a purge, beside bare parallel batch deletes of as many on the same server.

Each variant has buckets of its own, with as many small originals and renditions in them; the
originals are deleted by version. The bare deletes know all keys beforehand and write nothing.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import repeat
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from assets.catalog import identity
from assets.ingestion.upload.source import upload_key
from assets.platform import Platform
from assets.resources.object_store import ObjectStore, open_client
from assets.resources.warehouse import Connection, Warehouse
from assets.retention.deletion import WORKERS
from assets.retention.erasure import Erasure
from assets.retention.erasure_requests import ErasureSelection
from assets.retention.receipts import Copy
from assets.settings import Settings
from assets.timing import utc_now
from benchmarks.rounds import measure_variants
from benchmarks.runs import PurgeRun, waiting_run
from infra.local.stack import Stack
from infra.object_store.buckets import create_bucket
from infra.progress import progress_bar
from infra.report import MeasurementError

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

PURGE, BARE = "purge", "bare batch deletes"

_OBJECTS_OF_AN_IMAGE = 2
_BATCH = 1000
_LONG_AGO = timedelta(days=9)
_UPLOADER = "to be deleted"
_BUCKETS = ("raw_bucket", "processed_bucket", "quarantine_bucket", "logs_bucket")
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


class Stored(NamedTuple):
    """An image that has an original and a rendition in the object store."""

    image_id: UUID
    object_key: str
    object_version: str | None
    rendition_key: str


@dataclass(frozen=True)
class Deleted:
    """Objects per second of each variant, and the purge's own report."""

    rates: Mapping[str, float]
    purge: PurgeRun


def waiting_purge(
    settings: Settings, env: Mapping[str, str]
) -> AbstractContextManager[Callable[[], PurgeRun]]:
    """Starts the process of a purge of these buckets' images, which waits to begin."""
    buckets = {name.upper(): getattr(settings, name) for name in _BUCKETS}
    return waiting_run(PurgeRun, {**env, **buckets})


def measure_deletion(stack: Stack, images: int, turn: int) -> Deleted:
    """Creates images and deletes them, with each variant; creating them does not count."""
    settings, runs = stack.settings(), list[PurgeRun]()

    def purge() -> float:
        own = dedicated_buckets(settings)
        make_images(own, images, utc_now() - _LONG_AGO)
        with waiting_purge(own, stack.environment()) as execute:
            runs.append(execute())
        _expect(images, runs[0].images, "purged")
        return images * _OBJECTS_OF_AN_IMAGE / runs[0].seconds

    def delete_bare() -> float:
        own = dedicated_buckets(settings)
        seconds = _delete_bare(own, _store_images(own, images, utc_now()))
        return images * _OBJECTS_OF_AN_IMAGE / seconds

    rates = measure_variants({PURGE: purge, BARE: delete_bare}, turn)
    return Deleted(rates, runs[0])


def measure_erasure(stack: Stack, images: int, _turn: int) -> float:
    """Creates images that have just arrived and erases them; returns seconds."""
    own = Platform.from_settings(dedicated_buckets(stack.settings()))
    make_images(own.settings, images, utc_now())
    began = time.perf_counter()
    erasure = Erasure(own)
    erased = erasure.run(erasure.request(ErasureSelection(uploader=_UPLOADER)), utc_now())
    seconds = time.perf_counter() - began
    _expect(images, erased.items(Copy.LEDGER_ROW), "erased")
    return seconds


def _expect(images: int, deleted: int, what: str) -> None:
    if deleted != images:
        raise MeasurementError(f"{deleted} of {images} images were {what}.")


def _delete_bare(settings: Settings, stored: list[Stored]) -> float:
    """Deletes objects in batches, with as many threads as a purge has; returns seconds."""
    s3 = open_client("s3", settings)

    def delete(bucket: str, objects: list[ObjectIdentifierTypeDef]) -> None:
        answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
        if errors := answer.get("Errors"):
            raise MeasurementError(f"S3 did not delete an object: {errors[0]}")

    originals: list[ObjectIdentifierTypeDef] = [
        {"Key": one.object_key, "VersionId": one.object_version or ""} for one in stored
    ]
    renditions: list[ObjectIdentifierTypeDef] = [{"Key": one.rendition_key} for one in stored]
    by_bucket = {settings.raw_bucket: originals, settings.processed_bucket: renditions}
    began = time.perf_counter()
    with ThreadPoolExecutor(WORKERS) as threads:
        for bucket, objects in by_bucket.items():
            batches = [objects[at : at + _BATCH] for at in range(0, len(objects), _BATCH)]
            list(threads.map(delete, repeat(bucket), batches))
    return time.perf_counter() - began


def dedicated_buckets(settings: Settings) -> Settings:
    """Creates buckets that nothing else uses; returns the settings that name them."""
    token = uuid.uuid4().hex[:8]
    names = {name: f"{name.removesuffix('_bucket')}-{token}" for name in _BUCKETS}
    own = settings.model_copy(update=names)
    s3 = open_client("s3", own)
    for bucket in (*own.image_buckets, own.logs_bucket):
        create_bucket(s3, bucket)
    s3.put_bucket_versioning(Bucket=own.raw_bucket, VersioningConfiguration={"Status": "Enabled"})
    return own


def _store_images(settings: Settings, count: int, arrived_at: datetime) -> list[Stored]:
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


def make_images(settings: Settings, count: int, arrived_at: datetime) -> None:
    """Stores images and writes their rows, as processed uploads that arrived at that time."""
    stored = _store_images(settings, count, arrived_at)
    with Warehouse.from_settings(settings).connect() as connection:
        day = arrived_at.astimezone(UTC).date()
        connection.execute("select image_catalog.ensure_day(%s)", [day])
        for start in range(0, count, _ROW_BATCH_SIZE):
            _write_rows(connection, stored[start : start + _ROW_BATCH_SIZE], arrived_at)


def _write_rows(connection: Connection, images: Sequence[Stored], arrived_at: datetime) -> None:
    ids, keys, versions, rendition_keys = map(list, zip(*images, strict=True))
    stored = {"ids": ids, "keys": keys, "versions": versions, "rendition_keys": rendition_keys}
    same = {"arrived_at": arrived_at, "uploader": _UPLOADER, "size_bytes": len(_BODY)}
    connection.execute(_INSERT_IMAGES, stored | same)
    connection.execute(_INSERT_RENDITIONS, stored | same)
