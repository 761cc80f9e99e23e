"""The ledger's side of what is in the buckets: what its rows name, of some images or of all.

Like the ledger's other functions these take an open connection and never commit, but for
`read_references`, which says so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

from assets.catalog.visibility import VISIBLE
from assets.resources.warehouse import Connection
from assets.retention.buckets.classification import ImageBucket, LedgerSnapshot

_FETCH_BATCH_SIZE = 2000
# Image, key, version, and whether an object must be there: not where readers see no row, and not
# where there never was one. An original in quarantine needs no other copy in the raw bucket.
_NAMES = {
    ImageBucket.RAW: f"""
        select
            image_id, object_key, object_version,
            quarantine_key is null and reason_code is distinct from 'object_missing' and {VISIBLE}
        from image_catalog.image
        where {{images}}
    """,  # noqa: S608 - the condition is the project's own
    ImageBucket.PROCESSED: """
        select
            image_id, object_key, null,
            arrived_at > (select expired_until from image_catalog.horizon)
        from image_catalog.rendition
        where {images}
        union all
        select image_id, object_key, null, false
        from image_catalog.replaced_object
        where {images}
    """,
    ImageBucket.QUARANTINE: f"""
        select image_id, quarantine_key, null, {VISIBLE}
        from image_catalog.image
        where quarantine_key is not null and {{images}}
    """,  # noqa: S608 - the condition is the project's own
}
_AS_NAME = "as name (image_id, key, version, is_required)"
_SOME = "image_id = any(%(images)s)"


@dataclass(frozen=True)
class ObjectReference:
    """An object that a row names; `is_required` where it must be there."""

    image_id: UUID
    key: str
    version: str | None
    is_required: bool


def read_references(connection: Connection, place: ImageBucket) -> Iterator[ObjectReference]:
    """Reads all objects that rows name in a bucket, in the order of their keys as S3 lists them.

    The server keeps the answer aside and the transaction is committed: whoever reads for long
    keeps nobody from dropping a day.
    """
    with connection.cursor("names", withhold=True) as cursor:
        cursor.itersize = _FETCH_BATCH_SIZE
        query = _NAMES[place].format(images="true")
        cursor.execute(f'select * from ({query}) {_AS_NAME} order by key collate "C"')  # noqa: S608 - names are this module's own
        connection.commit()
        for row in cursor:
            yield ObjectReference(*row)  # type: ignore[arg-type]


def read_required(
    connection: Connection, place: ImageBucket, images: Collection[UUID]
) -> set[ObjectReference]:
    """Returns the objects that must be there of some images, and that readers may see now."""
    rows = connection.execute(
        f"""
        select name.*
        from ({_NAMES[place].format(images=_SOME)}) {_AS_NAME}
        inner join image_catalog.image on image.image_id = name.image_id
        where {VISIBLE}
        """,  # noqa: S608 - names are this module's own
        {"images": list(images)},
    )
    return {name for name in (ObjectReference(*row) for row in rows) if name.is_required}  # type: ignore[arg-type]


def read_snapshot(
    connection: Connection, place: ImageBucket, images: Collection[UUID]
) -> LedgerSnapshot:
    """Returns what the ledger has of some images at the moment, without holding it."""
    leased = _read_images(
        connection,
        f"""
        select image_id from image_catalog.image where {_SOME} and lease_until > clock_timestamp()
        """,  # noqa: S608 - names are this module's own
        images,
    )
    return _snapshot(connection, place, images, leased)


def lock_and_read(
    connection: Connection, place: ImageBucket, images: Collection[UUID]
) -> LedgerSnapshot:
    """Keeps images as they are until the end of the transaction, and returns what is there of them.

    Nobody can claim, finish or purge an image that is held, nor make one known that has no row.
    Images that a run has a lease on, and those that somebody else is at, count as in work; nothing
    waits for them. A run whose lease is over loses its claim: it cannot finish with an object that
    is deleted now.
    """
    unhindered = _read_images(
        connection,
        """
        select image_id
        from unnest(%(images)s::uuid[]) as image_id
        where pg_try_advisory_xact_lock(uuid_hash_extended(image_id, 0))
        """,
        images,
    )
    held = _read_images(
        connection,
        f"""
        select image_id
        from image_catalog.image
        where {_SOME} and (lease_until is null or lease_until < clock_timestamp())
        for update skip locked
        """,  # noqa: S608 - names are this module's own
        images,
    )
    connection.execute(
        f"""
        update image_catalog.image
        set claimed_by = null, lease_until = null
        where {_SOME} and claimed_by is not null
        """,  # noqa: S608 - names are this module's own
        {"images": list(held)},
    )
    known = _read_images(
        connection,
        f"select image_id from image_catalog.image where {_SOME}",  # noqa: S608 - names are this module's own
        images,
    )
    return _snapshot(connection, place, images, (set(images) - unhindered) | (known - held))


def _snapshot(
    connection: Connection, place: ImageBucket, images: Collection[UUID], leased: Collection[UUID]
) -> LedgerSnapshot:
    """Rows are read before erasures: an image that is erased in between is found there."""
    some = {"images": list(images)}
    rows = connection.execute(
        f"select image_id, object_key from image_catalog.image where {_SOME}",  # noqa: S608 - names are this module's own
        some,
    )
    raw_keys = {UUID(str(image)): str(key) for image, key in rows}
    names = connection.execute(_NAMES[place].format(images=_SOME), some)
    named = frozenset((str(key), version) for _, key, version, _ in names)
    erased = _read_images(
        connection,
        f"select image_id from image_catalog.erased_image where {_SOME}",  # noqa: S608 - names are this module's own
        images,
    )
    return LedgerSnapshot(raw_keys, named, frozenset(erased), frozenset(leased))  # type: ignore[arg-type]


def _read_images(
    connection: Connection, query: LiteralString, images: Collection[UUID]
) -> set[UUID]:
    rows = connection.execute(query, {"images": list(images)})
    return {image for (image,) in rows if isinstance(image, UUID)}
