"""Objects of renditions that another recipe has replaced; deleted after the commit.

Their keys are in `image_catalog.replaced_object`: what a killed run leaves there, the next deletes.
"""

from assets.platform import Platform
from assets.resources.warehouse import read_values, try_lock

_BATCH_OBJECTS = 1000
_DELETE = """
    delete from image_catalog.replaced_object
    where object_key = any(array(
        select object_key from image_catalog.replaced_object order by replaced_at limit %s
    ))
    returning object_key
"""


def delete_replaced(platform: Platform) -> None:
    """Deletes the objects of replaced renditions, unless another run is deleting them.

    Raises `ServerError` when a server goes away or refuses; the next run continues from there.
    """
    bucket, batch = platform.settings.processed_bucket, _BATCH_OBJECTS
    while batch == _BATCH_OBJECTS:
        with platform.warehouse.connect() as connection:
            # A run that is about to store one of these objects again waits for this transaction.
            is_alone = try_lock(connection, "image_catalog.replaced_object")
            keys = read_values(connection, _DELETE, [_BATCH_OBJECTS]) if is_alone else []
            platform.object_store.delete(bucket, [(key, None) for key in keys])
        batch = len(keys)
