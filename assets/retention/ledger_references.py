"""The SQL of what ledger rows reference in the image buckets, for some images or for all.

Functions take an open connection and never commit, except for `read_references`.
"""

from collections.abc import Collection, Iterator
from dataclasses import replace
from uuid import UUID

from psycopg import sql
from psycopg.rows import class_row

from assets.catalog.visibility import VISIBLE
from assets.resources.warehouse import Connection, Query, read_rows, read_values
from assets.retention.image_buckets import ImageBucket, LedgerSnapshot, ObjectReference

_FETCH_BATCH_SIZE = 2000
_ALL_IMAGES = sql.SQL("true")
_SOME_IMAGES = sql.SQL("image_id = any(%(images)s)")
# An object is required unless its row is invisible or says that the object was never there. An
# original in quarantine needs no second copy in the raw bucket.
_REFERENCES = {
    ImageBucket.RAW: sql.SQL("""
        select
            image_id, object_key as key, object_version as version,
            quarantine_key is null and reason_code is distinct from 'object_missing' and {visible}
                as is_required
        from image_catalog.image
        where {images}
    """),
    ImageBucket.PROCESSED: sql.SQL("""
        select
            image_id, object_key as key, null as version,
            arrived_at > (select expired_until from image_catalog.horizon) as is_required
        from image_catalog.rendition
        where {images}
        union all
        select image_id, object_key, null, false
        from image_catalog.replaced_object
        where {images}
    """),
    ImageBucket.QUARANTINE: sql.SQL("""
        select image_id, quarantine_key as key, null as version, {visible} as is_required
        from image_catalog.image
        where quarantine_key is not null and {images}
    """),
}
_UNLOCKED_IDS = """
    select image_id
    from unnest(%(images)s::uuid[]) as image_id
    where pg_try_advisory_xact_lock(uuid_hash_extended(image_id, 0))
"""
_LOCK_WITHOUT_LEASE = """
    select image_id
    from image_catalog.image
    where image_id = any(%(images)s) and (lease_until is null or lease_until < clock_timestamp())
    for update skip locked
"""
_CANCEL_LEASES = """
    update image_catalog.image
    set claimed_by = null, lease_until = null
    where image_id = any(%(images)s) and claimed_by is not null
"""
_LEASED = """
    select image_id
    from image_catalog.image
    where image_id = any(%(images)s) and lease_until > clock_timestamp()
"""
_ERASED = "select image_id from image_catalog.erased_image where image_id = any(%(images)s)"
_RAW_KEYS = "select image_id, object_key from image_catalog.image where image_id = any(%(images)s)"


def read_references(connection: Connection, bucket: ImageBucket) -> Iterator[ObjectReference]:
    """Reads all references to objects of a bucket, ordered by key as S3 lists them.

    The server stores the result and the transaction is committed, so that a long reader does not
    keep a day's partition from being dropped.
    """
    query = sql.SQL('select * from ({references}) as reference order by key collate "C"')
    rows = class_row(ObjectReference)
    with connection.cursor("references", withhold=True, row_factory=rows) as cursor:
        cursor.itersize = _FETCH_BATCH_SIZE
        cursor.execute(query.format(references=_references(bucket, _ALL_IMAGES)))
        connection.commit()
        yield from cursor


def read_required(
    connection: Connection, bucket: ImageBucket, images: Collection[UUID]
) -> set[ObjectReference]:
    """Returns the references of some visible images to objects that have to exist."""
    query = sql.SQL("""
        select reference.*
        from ({references}) as reference
        inner join image_catalog.image on image.image_id = reference.image_id
        where reference.is_required and {visible}
    """).format(references=_references(bucket, _SOME_IMAGES), visible=VISIBLE)
    return set(read_rows(connection, ObjectReference, query, {"images": list(images)}))


def read_snapshot(
    connection: Connection, bucket: ImageBucket, images: Collection[UUID]
) -> LedgerSnapshot:
    """Returns what the ledger holds about some images, without locking them.

    Rows are read before erased ids: an image that is erased in between is found among the ids.
    """
    parameters = {"images": list(images)}
    leased = _ids(connection, _LEASED, images)
    raw_keys: dict[UUID, str] = dict(connection.execute(_RAW_KEYS, parameters).fetchall())
    query = _references(bucket, _SOME_IMAGES)
    references = read_rows(connection, ObjectReference, query, parameters)
    return LedgerSnapshot(
        raw_keys,
        frozenset((reference.key, reference.version) for reference in references),
        frozenset(_ids(connection, _ERASED, images)),
        frozenset(leased),
    )


def lock_and_read(
    connection: Connection, bucket: ImageBucket, images: Collection[UUID]
) -> LedgerSnapshot:
    """Locks images until the end of the transaction, and returns what the ledger holds about them.

    No other transaction can claim, finish or purge a locked image, or register one without a row.
    Images with a valid lease, and those locked by others, count as leased; nothing waits for them.
    An expired lease is cancelled, so that its run cannot finish with an object that is deleted now.
    """
    unlocked = _ids(connection, _UNLOCKED_IDS, images)
    locked = _ids(connection, _LOCK_WITHOUT_LEASE, images)
    connection.execute(_CANCEL_LEASES, {"images": list(locked)})
    snapshot = read_snapshot(connection, bucket, images)
    leased = (set(images) - unlocked) | (snapshot.raw_keys.keys() - locked)
    return replace(snapshot, leased=frozenset(leased))


def _references(bucket: ImageBucket, images: sql.SQL) -> sql.Composed:
    return _REFERENCES[bucket].format(images=images, visible=VISIBLE)


def _ids(connection: Connection, query: Query, images: Collection[UUID]) -> set[UUID]:
    return set(read_values(connection, query, {"images": list(images)}))
