"""Uploads as the ledger knows them: by id for whoever repeats one, and to their uploader alone.

As in `ledger`, the functions take an open connection and never commit.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from assets.catalog import ledger
from assets.catalog.records import Arrival, RenditionRecord
from assets.catalog.visibility import VISIBLE
from assets.resources.warehouse import Connection

_COLUMNS = """
    image_id, arrived_at, state, reason_code, object_key, object_version, size_bytes,
    declared_content_type, filename, sha256
"""


@dataclass(frozen=True)
class Upload:
    """An upload that is known.

    Attributes:
        state: `waiting`, `processed` or `rejected`.
        sha256: Digest of its bytes; None where neither the door nor processing has told it.
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
    """Returns an arrival as the ledger has it when it was not known before."""
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
    """Returns those of the images that are known and visible, whoever sent them."""
    rows = connection.execute(
        f"select {_COLUMNS} from image_catalog.image where image_id = any(%s) and {VISIBLE}",  # noqa: S608
        [list(images)],
    )
    found = (_upload(row) for row in rows)
    return {upload.image_id: upload for upload in found}


def is_gone(connection: Connection, image: UUID) -> bool:
    """Tells whether an image that `find` does not find was known: it has expired, or is erased."""
    return bool(ledger.find_known(connection, [image]))


def find_own(connection: Connection, uploader: str, image: UUID, after: datetime) -> Upload | None:
    """Returns an uploader's visible image that arrived after a moment; None when it is not one."""
    row = connection.execute(
        f"""
        select {_COLUMNS}
        from image_catalog.image
        where image_id = %s and uploader = %s and source = 'upload' and arrived_at > %s
          and {VISIBLE}
        """,  # noqa: S608
        [image, uploader, after],
    ).fetchone()
    return _upload(row) if row else None


def page_of_own(
    connection: Connection, uploader: str, after: datetime, limit: int, behind: Position | None
) -> list[Upload]:
    """Returns an uploader's visible images that arrived after a moment, newest first.

    Args:
        connection: Of a role that may read the ledger.
        uploader: Whose.
        after: Those that arrived then or earlier are left out.
        limit: How many at most.
        behind: Where the page before ended; None for the first page.
    """
    begin = behind or Position(datetime.max.replace(tzinfo=UTC), UUID(int=0))
    rows = connection.execute(
        f"""
        select {_COLUMNS}
        from image_catalog.image
        where uploader = %(uploader)s
          and source = 'upload'
          and arrived_at > %(after)s
          and {VISIBLE}
          and arrived_at <= %(begin)s
          and (arrived_at < %(begin)s or image_id > %(image)s)
        order by arrived_at desc, image_id
        limit %(limit)s
        """,  # noqa: S608
        {
            "uploader": uploader,
            "after": after,
            "begin": begin.arrived_at,
            "image": begin.image_id,
            "limit": limit,
        },
    )
    return [_upload(row) for row in rows]


def renditions(
    connection: Connection, uploads: Sequence[Upload]
) -> Mapping[UUID, list[RenditionRecord]]:
    """Returns the renditions of uploads, largest first; none for those that have none."""
    found: dict[UUID, list[RenditionRecord]] = {upload.image_id: [] for upload in uploads}
    rows = connection.execute(
        """
        select image_id, rendition_name, object_key, format, width_px, height_px, size_bytes
        from image_catalog.rendition
        inner join unnest(%s::uuid[], %s::timestamptz[]) as wanted (image_id, arrived_at)
            using (image_id, arrived_at)
        order by width_px * height_px desc
        """,
        [[upload.image_id for upload in uploads], [upload.arrived_at for upload in uploads]],
    )
    for image, *facts in rows:
        found[image].append(RenditionRecord(*facts))  # type: ignore[index, arg-type]
    return found


def _upload(row: tuple[object, ...]) -> Upload:
    image, arrived_at, *rest = row
    return Upload(image, arrived_at.astimezone(UTC), *rest)  # type: ignore[arg-type, attr-defined]
