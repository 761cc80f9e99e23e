"""Uploads in the ledger: by id for repeated requests, and as lists for their uploader alone.

As in `ledger`, the functions take an open connection and never commit.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from psycopg import sql

from assets.catalog.records import Arrival, RenditionRecord
from assets.catalog.visibility import VISIBLE
from assets.resources.warehouse import Connection, read_rows, read_value

_UPLOADS = sql.SQL(
    """
    select
        image_id, arrived_at, state, reason_code, object_key, object_version, size_bytes,
        declared_content_type as content_type, filename, sha256
    from image_catalog.image
    where {visible} and
    """
).format(visible=VISIBLE)
_OWN = sql.SQL("uploader = %(uploader)s and source = 'upload' and arrived_at > %(after)s")
_PAGE = sql.SQL(
    """
    and arrived_at <= %(arrived_at)s
    and (arrived_at < %(arrived_at)s or image_id > %(image_id)s)
    order by arrived_at desc, image_id
    limit %(limit)s
    """
)


@dataclass(frozen=True)
class Upload:
    """A registered upload.

    Attributes:
        state: `waiting`, `processed` or `rejected`.
        sha256: Digest of its bytes; None if neither the upload API nor processing has computed it.
    """

    image_id: UUID
    arrived_at: datetime
    state: str
    reason_code: str | None
    object_key: str
    object_version: str | None
    size_bytes: int
    content_type: str | None
    filename: str | None
    sha256: bytes | None


@dataclass(frozen=True)
class Position:
    """Where a page of uploads ended."""

    arrived_at: datetime
    image_id: UUID


def as_registered(arrival: Arrival) -> Upload:
    """Returns an arrival as the ledger has it once it is registered."""
    return Upload(
        image_id=arrival.image_id,
        arrived_at=arrival.arrived_at,
        state="waiting",
        reason_code=None,
        object_key=arrival.object_key,
        object_version=arrival.object_version,
        size_bytes=arrival.size_bytes,
        content_type=arrival.declared_content_type,
        filename=arrival.filename,
        sha256=arrival.sha256,
    )


def find(connection: Connection, images: Collection[UUID]) -> Mapping[UUID, Upload]:
    """Returns those of the images that are known and visible, of any uploader."""
    query = _UPLOADS + sql.SQL("image_id = any(%(images)s)")
    found = _read(connection, query, {"images": list(images)})
    return {upload.image_id: upload for upload in found}


def find_own(connection: Connection, uploader: str, image: UUID, after: datetime) -> list[Upload]:
    """Returns an uploader's visible image if there is one that arrived after a moment."""
    query = _UPLOADS + _OWN + sql.SQL(" and image_id = %(image)s")
    return _read(connection, query, {"uploader": uploader, "after": after, "image": image})


def page_of_own(
    connection: Connection, uploader: str, after: datetime, limit: int, behind: Position | None
) -> list[Upload]:
    """Returns an uploader's visible images that arrived after a moment, newest first.

    Args:
        behind: Where the previous page ended; None for the first page.
    """
    begin = behind or Position(datetime.max.replace(tzinfo=UTC), UUID(int=0))
    parameters = {"uploader": uploader, "after": after, "limit": limit, **vars(begin)}
    return _read(connection, _UPLOADS + _OWN + _PAGE, parameters)


def request_erasure(connection: Connection, uploader: str, image: UUID) -> int | None:
    """Requests the erasure of an uploader's visible image; nobody sees it from then on.

    Returns the request's number, the same for each repetition; None if there is no such image.
    """
    query = "select retention.request_erasure(%s, %s)"
    number: int | None = read_value(connection, query, [uploader, image])
    return number


def renditions(
    connection: Connection, uploads: Sequence[Upload]
) -> Mapping[UUID, list[RenditionRecord]]:
    """Returns the renditions of uploads, largest first; none for those that have none."""
    query = """
        select image_id, rendition_name, object_key, format, width_px, height_px, size_bytes
        from image_catalog.rendition
        inner join unnest(%s::uuid[], %s::timestamptz[]) as wanted (image_id, arrived_at)
            using (image_id, arrived_at)
        order by width_px * height_px desc
    """
    found: dict[UUID, list[RenditionRecord]] = {upload.image_id: [] for upload in uploads}
    keys = [list(found), [upload.arrived_at for upload in uploads]]
    for image, *facts in connection.execute(query, keys):
        found[image].append(RenditionRecord(*facts))
    return found


def _read(
    connection: Connection, query: sql.Composed, parameters: Mapping[str, object]
) -> list[Upload]:
    found = read_rows(connection, Upload, query, parameters)
    return [replace(one, arrived_at=one.arrived_at.astimezone(UTC)) for one in found]
