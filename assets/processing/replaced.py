"""Objects of renditions that another recipe has replaced; deleted after the commit.

Their keys are in `image_catalog.replaced_object`: what a killed run leaves there, the next deletes.
"""

from assets.platform import Platform
from assets.resources.warehouse import Connection, read_values, try_lock

_BATCH_OBJECTS = 1000
_TABLE = "image_catalog.replaced_object"


def delete_replaced(platform: Platform) -> None:
    """Deletes the objects of replaced renditions.

    Does nothing while another run is deleting them.

    Raises `ServerError` when a server goes away or refuses; the next run continues from there.
    """
    bucket, batch = platform.settings.processed_bucket, _BATCH_OBJECTS
    while batch == _BATCH_OBJECTS:
        with platform.warehouse.connect() as connection:
            keys = _delete_rows(connection) if try_lock(connection, _TABLE) else []
            platform.object_store.delete(bucket, [(key, None) for key in keys])
        batch = len(keys)


def _delete_rows(connection: Connection) -> list[str]:
    """Deletes up to `_BATCH_OBJECTS` rows and returns their keys.

    A run that is about to store one of these objects again waits for this transaction.
    """
    return read_values(
        connection,
        """
        delete from image_catalog.replaced_object
        where object_key = any(array(
            select object_key from image_catalog.replaced_object order by replaced_at limit %s
        ))
        returning object_key
        """,
        [_BATCH_OBJECTS],
    )
