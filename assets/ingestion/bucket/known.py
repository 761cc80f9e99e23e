"""What the ledger and the offsets tell of object versions that were found in the raw bucket."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from assets.catalog import identity
from assets.ingestion.bucket.raw_objects import KnownObjects, LandedTopic, possible_ids
from assets.resources.objects import ObjectVersion
from assets.resources.warehouse import Connection


def read_known(connection: Connection, found: Sequence[ObjectVersion], topic: str) -> KnownObjects:
    """Returns what is known of object versions.

    Offsets are read before rows: a message that is landed in between has its row then, and is not
    taken for somebody's drop. Rows are read before erasures: an image that is erased in between is
    found there.

    Args:
        connection: The warehouse.
        found: Object versions of the raw bucket.
        topic: The topic that is landed, even if no message of it has been yet.
    """
    landed = (identity.read_landed_key(one.key) for one in found)
    names = sorted({one.topic for one in landed if one is not None})
    topics = _topics(connection, names, topic) if names else {}
    ids = sorted({one for version in found for one in possible_ids(version)})
    object_keys = _object_keys(connection, ids)
    return KnownObjects(object_keys, topics, _erased(connection, ids))


def _topics(connection: Connection, names: Sequence[str], topic: str) -> dict[str, LandedTopic]:
    rows = connection.execute(
        """
        select topic, coalesce(incarnation, 0), partition_no, next_offset
        from image_catalog.kafka_topic
        full join image_catalog.kafka_offset using (topic)
        where topic = any(%s)
        """,
        [names],
    ).fetchall()
    topics = {topic: LandedTopic(0, {})} if topic in names else {}
    for name, incarnation, partition, next_offset in rows:
        before = topics.get(str(name), LandedTopic(0, {})).next_offsets
        reached = {} if partition is None else {partition: next_offset}
        topics[str(name)] = LandedTopic(incarnation, {**before, **reached})  # type: ignore[arg-type,dict-item]
    return topics


def _object_keys(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, str]:
    rows = connection.execute(
        "select image_id, object_key from image_catalog.image where image_id = any(%s)",
        [list(ids)],
    )
    return dict(rows)  # type: ignore[arg-type]


def _erased(connection: Connection, ids: Sequence[UUID]) -> frozenset[UUID]:
    rows = connection.execute(
        "select image_id from image_catalog.erased_image where image_id = any(%s)", [list(ids)]
    )
    return frozenset(row[0] for row in rows)  # type: ignore[misc]
