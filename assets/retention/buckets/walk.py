"""A bucket from end to end, in the order of its keys, while objects of it may be deleted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from assets.ingestion.bucket.listing import next_position
from assets.resources.object_store import ObjectStore
from assets.resources.objects import ListingPage


def walk(object_store: ObjectStore, bucket: str, limit: int = 1000) -> Iterator[ListingPage]:
    """Lists all versions and delete markers of a bucket, up to `limit` at a time, each once.

    A key that a page may have cut comes whole with the next one. Only of a key with more versions
    than a page, of which some are deleted meanwhile, the rest may be left to the next walk.

    Raises `ServerError` when the store does not answer or refuses: what was not listed is unknown,
    and never taken for gone.
    """
    key: str | None = None
    version: str | None = None
    while True:
        page = object_store.page_of_versions(bucket, key, version, limit)
        key, version = next_position(page)
        if key is None:
            yield page
            return
        yield replace(
            page,
            versions=tuple(found for found in page.versions if found.key <= key),
            delete_markers=tuple(found for found in page.delete_markers if found.key <= key),
        )
