"""Requested erasures: which images, who requested it, and whether it is completed.

Functions take an open connection and never commit.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import sql

from assets.errors import DarkroomError
from assets.resources.warehouse import Connection, read_rows, read_value, read_values

_IS_SELECTED = sql.SQL("""
    (cardinality(%(images)s::uuid[]) = 0 or image_id = any(%(images)s::uuid[]))
    and (%(source)s::text is null or source = %(source)s)
    and (%(uploader)s::text is null or uploader = %(uploader)s)
""")


class ErasureSelectionError(DarkroomError):
    """It is not clear which images are to be erased or searched for."""


class ErasureRequestError(DarkroomError):
    """There is no such request."""


@dataclass(frozen=True)
class ErasureSelection:
    """Images by id, of a source, of an uploader; of several criteria all must hold.

    Raises `ErasureSelectionError` when there is no criterion: that would select all images.
    """

    images: tuple[UUID, ...] = ()
    source: str | None = None
    uploader: str | None = None

    def __post_init__(self) -> None:
        if self.is_by_id and not self.images:
            raise ErasureSelectionError(
                "Say which images to erase: their ids, a source, an uploader, or both."
            )

    @property
    def is_by_id(self) -> bool:
        """Whether ids are the only criterion, so that unknown images are included."""
        return self.source is None and self.uploader is None

    @property
    def parameters(self) -> dict[str, object]:
        """Parameters of the condition on ledger rows."""
        return vars(self) | {"images": list(self.images)}


@dataclass(frozen=True)
class ErasureRequest:
    """A request that is not completed."""

    number: int
    requested_at: datetime
    requesting_role: str
    images: list[UUID]
    source: str | None
    uploader: str | None

    @property
    def selection(self) -> ErasureSelection:
        """The images that it selects."""
        return ErasureSelection(tuple(self.images), self.source, self.uploader)


def insert(connection: Connection, selection: ErasureSelection) -> int:
    """Requests an erasure, and returns the request's number.

    A trigger withdraws the images that are named by id, and blocks unknown ids if ids are the only
    criterion; the others are left to `withdraw`.
    """
    return int(
        read_value(
            connection,
            """
            insert into retention.erasure_request (source, uploader, image_ids)
            values (%(source)s, %(uploader)s, %(images)s::uuid[])
            returning request_no
            """,
            selection.parameters,
        )
    )


def read_open(connection: Connection, until: int | None = None) -> list[ErasureRequest]:
    """Returns the requests that are not completed, up to a number, oldest first.

    Raises `ErasureRequestError` when no request has that number.
    """
    known = "select exists (select from retention.erasure_request where request_no = %s)"
    if until is not None and not read_value(connection, known, [until]):
        raise ErasureRequestError(f"There is no erasure request with the number {until}.")
    return read_rows(
        connection,
        ErasureRequest,
        """
        select
            request_no as number, requested_at, requesting_role, image_ids as images, source,
            uploader
        from retention.erasure_request
        where completed_at is null and (%(until)s::bigint is null or request_no <= %(until)s)
        order by request_no
        """,
        {"until": until},
    )


def newest_open(connection: Connection) -> int | None:
    """Returns the number of the newest request that is not completed; None if there is none."""
    query = "select max(request_no) from retention.erasure_request where completed_at is null"
    number: int | None = read_value(connection, query)
    return number


def count_selected(
    connection: Connection, selection: ErasureSelection, *, not_withdrawn: bool = False
) -> int:
    """Returns how many images are selected, or how many of them are not withdrawn yet."""
    query = sql.SQL("""
        select count(*) from image_catalog.image
        where {} and (withdrawn_at is null or not %(not_withdrawn)s)
    """).format(_IS_SELECTED)
    return int(
        read_value(connection, query, selection.parameters | {"not_withdrawn": not_withdrawn})
    )


def withdraw(connection: Connection, request: ErasureRequest, limit: int) -> int:
    """Hides up to `limit` requested images, cancels their leases, and blocks their ids.

    Returns how many images were withdrawn; those locked by other transactions are skipped.
    """
    query = sql.SQL("""
        with due as (
            select image_id, arrived_at
            from image_catalog.image
            where {is_selected} and withdrawn_at is null
            limit %(limit)s
            for update skip locked
        ),
        withdrawn as (
            update image_catalog.image
            set withdrawn_at = %(at)s, withdrawn_by = %(by)s, claimed_by = null, lease_until = null
            from due
            where image.image_id = due.image_id and image.arrived_at = due.arrived_at
            returning image.image_id
        )
        insert into image_catalog.erased_image (image_id, erased_at)
        select image_id, %(at)s from withdrawn
        on conflict (image_id) do update set erased_at = excluded.erased_at
    """).format(is_selected=_IS_SELECTED)
    parameters = request.selection.parameters | {"limit": limit}
    parameters |= {"at": request.requested_at, "by": request.requesting_role}
    return connection.execute(query, parameters).rowcount


def complete(connection: Connection, requests: Collection[ErasureRequest], now: datetime) -> None:
    """Marks those requests as completed of whose images no withdrawn one is left."""
    connection.execute(
        """
        update retention.erasure_request as request
        set completed_at = %s
        where request_no = any(%s) and completed_at is null and not exists (
            select from image_catalog.image
            where withdrawn_at is not null
              and (cardinality(request.image_ids) = 0 or image_id = any(request.image_ids))
              and (request.source is null or image.source = request.source)
              and (request.uploader is null or image.uploader = request.uploader)
        )
        """,
        [now, [request.number for request in requests]],
    )


def forget(connection: Connection, until: datetime) -> None:
    """Deletes image ids and uploader of requests that were completed at or before `until`."""
    connection.execute(
        """
        update retention.erasure_request
        set image_ids = default, uploader = null
        where completed_at <= %s and (uploader is not null or cardinality(image_ids) > 0)
        """,
        [until],
    )


def oldest_naming(connection: Connection) -> datetime | None:
    """Returns when the oldest request that names images or an uploader was completed (UTC).

    One that is not completed counts from when it was requested. None if there is no such request.
    """
    times: list[datetime | None] = read_values(
        connection,
        """
        select min(coalesce(completed_at, requested_at))
        from retention.erasure_request
        where uploader is not null or cardinality(image_ids) > 0
        """,
    )
    return times[0]
