"""Objects per second of a purge, beside bare parallel batch deletes of as many on the same server.

Each way has buckets of its own, with as many small originals and renditions in them; the originals
are deleted by version. The bare deletes know all keys beforehand and write nothing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from itertools import repeat

import click

from assets.resources.object_store import ObjectStore, open_client
from assets.resources.warehouse import Warehouse
from assets.retention.deletion import WORKERS
from assets.retention.erasure import Erasure, ErasureSelection
from assets.retention.receipts import Copy
from assets.settings import Settings
from assets.timing import utc_now
from benchmarks.retention_images import (
    OBJECTS_OF_AN_IMAGE,
    Stored,
    dedicated_buckets,
    make_images,
    store_images,
)
from benchmarks.retention_purge import PurgeRun, background_purge
from benchmarks.rounds import measure_round

PURGE, BARE = "purge", "bare batch deletes"

_BATCH = 1000
_LONG_AGO = timedelta(days=9)
_UPLOADER = "to be deleted"


@dataclass(frozen=True)
class Deleted:
    """Objects per second of each way, and what the purge tells of itself."""

    rates: Mapping[str, float]
    purge: PurgeRun


def measure_deletion(settings: Settings, env: Mapping[str, str], images: int, turn: int) -> Deleted:
    """Makes images and deletes them, each way; making them does not count."""
    runs: list[PurgeRun] = []

    def purge() -> float:
        own = dedicated_buckets(settings)
        make_images(own, images, utc_now() - _LONG_AGO, _UPLOADER)
        with background_purge(own, env) as running:
            running.begin()
            runs.append(running.result())
        if runs[0].images != images:
            raise click.ClickException(f"{runs[0].images} of {images} images were purged.")
        return images * OBJECTS_OF_AN_IMAGE / runs[0].seconds

    def delete_baseline() -> float:
        own = dedicated_buckets(settings)
        seconds = _delete_baseline(own, store_images(own, images, utc_now()))
        return images * OBJECTS_OF_AN_IMAGE / seconds

    rates = measure_round({PURGE: purge, BARE: delete_baseline}, turn)
    return Deleted(rates, runs[0])


def measure_erasure(settings: Settings, images: int) -> float:
    """Makes images that arrived just now and erases them; returns seconds."""
    own = dedicated_buckets(settings)
    make_images(own, images, utc_now(), _UPLOADER)
    store, warehouse = ObjectStore(own), Warehouse.from_settings(own)
    began = time.perf_counter()
    gone = Erasure(own, store, warehouse).run(ErasureSelection(uploader=_UPLOADER), utc_now())
    seconds = time.perf_counter() - began
    if gone.items(Copy.LEDGER_ROW) != images:
        raise click.ClickException(f"{gone.items(Copy.LEDGER_ROW)} of {images} images were erased.")
    return seconds


def _delete_baseline(settings: Settings, stored: list[Stored]) -> float:
    """Deletes objects in batches, as many at the same time as a purge; returns seconds."""
    s3 = open_client("s3", settings)

    def delete(bucket: str, objects: list[dict[str, str]]) -> None:
        answer = s3.delete_objects(
            Bucket=bucket,
            Delete={"Objects": objects, "Quiet": True},  # type: ignore[typeddict-item]
        )
        if answer.get("Errors"):
            raise click.ClickException(f"S3 did not delete: {answer['Errors'][0]}")

    originals = [{"Key": one.object_key, "VersionId": one.object_version or ""} for one in stored]
    renditions = [{"Key": one.rendition_key} for one in stored]
    began = time.perf_counter()
    with ThreadPoolExecutor(WORKERS) as threads:
        for bucket, objects in (
            (settings.raw_bucket, originals),
            (settings.processed_bucket, renditions),
        ):
            batches = [objects[at : at + _BATCH] for at in range(0, len(objects), _BATCH)]
            list(threads.map(delete, repeat(bucket), batches))
    return time.perf_counter() - began
