"""What ledger and sources know about object versions that were found in the raw bucket."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from assets.ingestion.bucket.raw_objects import KnownObjects, possible_ids
from assets.ingestion.registry import sources
from assets.resources.objects import ObjectVersion
from assets.resources.warehouse import Connection, read_rows, read_values
from assets.settings import Settings


@dataclass(frozen=True)
class _Row:
    image_id: UUID
    object_key: str


def read_known(
    connection: Connection, found: Sequence[ObjectVersion], settings: Settings
) -> KnownObjects:
    """Returns what is known about object versions of the raw bucket.

    The sources' progress is read before rows: an image that is registered in between has its row
    then, and is not taken for a drop. Rows are read before erasures: an image that is erased in
    between is found there.
    """
    keys = {one.key for one in found}
    awaited: frozenset[str] = frozenset()
    for source in sources():
        if source.self_registration is not None:
            awaited |= source.self_registration.find_awaited(connection, settings, keys)
    ids = sorted({image for version in found for image in possible_ids(version)})
    rows = read_rows(
        connection,
        _Row,
        "select image_id, object_key from image_catalog.image where image_id = any(%s)",
        [ids],
    )
    object_keys = {row.image_id: row.object_key for row in rows}
    erased = read_values(
        connection,
        "select image_id from image_catalog.erased_image where image_id = any(%s)",
        [ids],
    )
    return KnownObjects(object_keys, awaited, frozenset(erased))
