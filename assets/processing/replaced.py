"""Renditions that another recipe has replaced: their objects are deleted when that is committed.

What is to be deleted is in `image_catalog.replaced_object`, so that a run that is killed before it
comes to it leaves it to the next.
"""

from __future__ import annotations

from assets.resources.object_store import ObjectStore
from assets.resources.warehouse import Connection, Warehouse

_BATCH_OBJECTS = 1000


def delete_replaced(warehouse: Warehouse, object_store: ObjectStore, bucket: str) -> int:
    """Deletes the objects of replaced renditions; returns how many.

    One at a time deletes: where another run is at it already, nothing is left to do here.

    Raises `ServerError` when a server goes away or refuses; the next run goes on from there.
    """
    deleted = 0
    while True:
        with warehouse.connect() as connection:
            keys = _take(connection) if _is_alone(connection) else []
            object_store.delete(bucket, [(key, None) for key in keys])
        deleted += len(keys)
        if len(keys) < _BATCH_OBJECTS:
            return deleted


def _is_alone(connection: Connection) -> bool:
    [(is_alone,)] = connection.execute(
        "select pg_try_advisory_xact_lock(hashtext('image_catalog.replaced_object'))"
    )
    return bool(is_alone)


def _take(connection: Connection) -> list[str]:
    """Takes rows out; they are back if the transaction does not commit.

    A run that wants one of these objects again waits for this transaction, and stores it after.
    """
    rows = connection.execute(
        """
        delete from image_catalog.replaced_object
        where object_key = any(array(
            select object_key from image_catalog.replaced_object order by replaced_at limit %s
        ))
        returning object_key
        """,
        [_BATCH_OBJECTS],
    )
    return [str(row[0]) for row in rows]
