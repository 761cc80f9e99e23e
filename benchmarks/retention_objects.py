"""Objects per second of a purge, beside bare parallel batch deletes of as many on the same server.

Each variant has buckets of its own, with as many small originals and renditions in them; the
originals are deleted by version. The bare deletes know all keys beforehand and write nothing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from itertools import repeat
from typing import TYPE_CHECKING

from assets.platform import Platform
from assets.resources.object_store import open_client
from assets.retention.deletion import WORKERS
from assets.retention.erasure import Erasure
from assets.retention.ledger_rows import ErasureSelection
from assets.retention.receipts import Copy
from assets.settings import Settings
from assets.timing import utc_now
from benchmarks.processes import Child, child
from benchmarks.retention_images import (
    OBJECTS_OF_AN_IMAGE,
    Stored,
    bucket_variables,
    dedicated_buckets,
    make_images,
    store_images,
)
from benchmarks.rounds import measure_variants
from infra.report import MeasurementError

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

PURGE, BARE = "purge", "bare batch deletes"

_BATCH = 1000
_LONG_AGO = timedelta(days=9)
_UPLOADER = "to be deleted"


@dataclass(frozen=True)
class PurgeRun:
    """What one purge reports of itself; resident sizes before it began and at most."""

    images: int
    seconds: float
    idle_bytes: int
    peak_bytes: int


@dataclass(frozen=True)
class Deleted:
    """Objects per second of each variant, and the purge's own report."""

    rates: Mapping[str, float]
    purge: PurgeRun


def waiting_purge(settings: Settings, env: Mapping[str, str]) -> AbstractContextManager[Child]:
    """Starts the process of a purge of these buckets' images, which waits to begin."""
    return child("benchmarks.retention_run", {**env, **bucket_variables(settings)})


def measure_deletion(settings: Settings, env: Mapping[str, str], images: int, turn: int) -> Deleted:
    """Creates images and deletes them, with each variant; creating them does not count."""
    runs: list[PurgeRun] = []

    def purge() -> float:
        own = dedicated_buckets(settings)
        make_images(own, images, utc_now() - _LONG_AGO, _UPLOADER)
        with waiting_purge(own, env) as waiting:
            runs.append(waiting.finish(PurgeRun))
        _expect(images, runs[0].images, "purged")
        return images * OBJECTS_OF_AN_IMAGE / runs[0].seconds

    def delete_bare() -> float:
        own = dedicated_buckets(settings)
        seconds = _delete_bare(own, store_images(own, images, utc_now()))
        return images * OBJECTS_OF_AN_IMAGE / seconds

    rates = measure_variants({PURGE: purge, BARE: delete_bare}, turn)
    return Deleted(rates, runs[0])


def measure_erasure(settings: Settings, images: int) -> float:
    """Creates images that have just arrived and erases them; returns seconds."""
    own = Platform.from_settings(dedicated_buckets(settings))
    make_images(own.settings, images, utc_now(), _UPLOADER)
    began = time.perf_counter()
    erased = Erasure(own).run(ErasureSelection(uploader=_UPLOADER), utc_now())
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
    began = time.perf_counter()
    with ThreadPoolExecutor(WORKERS) as threads:
        for bucket, objects in (
            (settings.raw_bucket, originals),
            (settings.processed_bucket, renditions),
        ):
            batches = [objects[at : at + _BATCH] for at in range(0, len(objects), _BATCH)]
            list(threads.map(delete, repeat(bucket), batches))
    return time.perf_counter() - began
