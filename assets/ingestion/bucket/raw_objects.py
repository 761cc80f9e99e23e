"""What an object version in the raw bucket is: whose, and which image.

Pure functions but for `read_known`, which reads what ledger and sources know.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from uuid import UUID

from assets.catalog.identity import image_id
from assets.catalog.records import Arrival
from assets.ingestion.bucket.source import SOURCE, describe_drop, object_origin
from assets.ingestion.registry import parse_key, sources
from assets.resources.objects import ObjectHead, ObjectVersion
from assets.resources.warehouse import Connection, read_rows, read_values
from assets.retention_policy import is_due
from assets.settings import Settings

_CLOCK_SKEW = timedelta(hours=1)
_MAX_TRANSIT_TIME = timedelta(days=8)


class ObjectStatus(Enum):
    """What an object version is to the ledger.

    KNOWN: an image of the ledger is this one, or this is a copy that repeated work left behind.
    ERASED: its image was erased and must not be registered again.
    LANDING: its source stored it, as far as anybody can tell, and registers it itself.
    EXPIRED: it has reached the purge age, or its image has; retention deletes it.
    INVALID: no row can name it, or its timestamp is in the future.
    DELETED: somebody deleted it before it was registered; retention deletes what is left.
    FOLDER: the empty object with which consoles and clients show a folder; it is no image.
    NEW: an image that is not registered yet.
    """

    KNOWN = "known"
    ERASED = "erased"
    LANDING = "landing"
    EXPIRED = "overdue"
    INVALID = "impossible"
    DELETED = "deleted"
    FOLDER = "folder"
    NEW = "new"


@dataclass(frozen=True)
class KnownObjects:
    """What ledger and sources know about some object versions.

    The ledger knows the object keys by image id, and erased images, which must not be registered
    again; a source has yet to register the objects under the awaited keys itself.
    """

    object_keys: Mapping[UUID, str]
    awaited: frozenset[str] = frozenset()
    erased: frozenset[UUID] = frozenset()


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
    query = "select image_id, object_key from image_catalog.image where image_id = any(%s)"
    rows = read_rows(connection, _Row, query, [ids])
    object_keys = {row.image_id: row.object_key for row in rows}
    query = "select image_id from image_catalog.erased_image where image_id = any(%s)"
    return KnownObjects(object_keys, awaited, frozenset(read_values(connection, query, [ids])))


def possible_ids(found: ObjectVersion) -> tuple[UUID, ...]:
    """Returns the ids under which the ledger may know an object version: as a drop, by its key."""
    as_drop = image_id(SOURCE.name, object_origin(found))
    owner = parse_key(found.key)
    return (as_drop,) if owner is None else (as_drop, owner[1].image_id)


def classify(
    found: ObjectVersion,
    known: KnownObjects,
    now: datetime,
    purge_age: timedelta,
    delay: timedelta = timedelta(0),
) -> ObjectStatus:
    """Decides what an object version of the raw bucket is.

    Args:
        known: What ledger and sources know about it, read after the version was found.
        delay: How much longer than its grace an object is left to the source that stored it. Within
            the grace it is left to the source even if that has passed it: a replay may be about to
            register it.
    """
    if "\0" in object_origin(found) or found.modified_at > now + _CLOCK_SKEW:
        return ObjectStatus.INVALID
    if image_id(SOURCE.name, object_origin(found)) in known.object_keys:
        return ObjectStatus.KNOWN
    if is_copy(found, known.object_keys):
        return ObjectStatus.KNOWN
    if not known.erased.isdisjoint(possible_ids(found)):
        return ObjectStatus.ERASED
    if is_due(retention_starts_at(found), now, purge_age):
        return ObjectStatus.EXPIRED
    if found.key.endswith("/") and not found.size_bytes:
        return ObjectStatus.FOLDER
    if (owner := parse_key(found.key)) and (registration := owner[0].self_registration):
        is_young = found.modified_at > now - registration.grace - delay
        if is_young or found.key in known.awaited:
            return ObjectStatus.LANDING
    return ObjectStatus.DELETED if found.is_deleted else ObjectStatus.NEW


def is_copy(found: ObjectVersion, object_keys: Mapping[UUID, str]) -> bool:
    """Returns whether the key of an object version belongs to an image that has a row.

    Where an image has one key only, an object under another key is somebody's drop: the key of a
    message contains a day, and under another day the object is not the message's.
    """
    if (owner := parse_key(found.key)) is None:
        return False
    source, key = owner
    registered = object_keys.get(key.image_id)
    return registered is not None and (not source.has_one_key_per_image or registered == found.key)


def retention_starts_at(found: ObjectVersion) -> datetime:
    """Returns when the retention of an object version's image began, at the earliest.

    A copy that a killed landing or a repeated upload left behind is younger than its image. The key
    says when the image arrived, unless it names a time at which no object can have been sent.
    """
    owner = parse_key(found.key)
    if owner is None or (began := owner[1].begins_at) is None:
        return found.modified_at
    is_believable = timedelta(0) <= found.modified_at - began <= _MAX_TRANSIT_TIME
    return began if is_believable else found.modified_at


def arrived_by(found: ObjectVersion) -> datetime:
    """Returns when an object version's image had arrived at the latest.

    The key names a period; the object itself cannot be older than its image.
    """
    owner = parse_key(found.key)
    period = timedelta(0) if owner is None else owner[1].period
    return min(retention_starts_at(found) + period, found.modified_at)


def needs_metadata(found: ObjectVersion) -> bool:
    """Returns whether `describe` needs an object's metadata."""
    owner = parse_key(found.key)
    return owner is not None and owner[0].describe is not None


def describe(head: ObjectHead, settings: Settings) -> Arrival:
    """Returns the arrival that an object version is by its metadata: its source's, or else a drop.

    It is a drop without looking at its metadata unless `needs_metadata`.
    """
    found = head.version
    if (owner := parse_key(found.key)) is not None and owner[0].describe is not None:
        return owner[0].describe(owner[1], head, settings) or describe_drop(found)
    return describe_drop(found)
