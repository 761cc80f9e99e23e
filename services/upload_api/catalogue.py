"""The images of one uploader, read from the ledger, with signed URLs of their renditions."""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

from assets.catalog.records import RenditionRecord
from assets.ingestion.upload import lookup
from assets.ingestion.upload.lookup import Position, Upload
from assets.resources.warehouse import Connection
from assets.retention_policy import cutoff
from assets.settings import UploadSettings
from assets.validation.reasons import Reason, rejection_texts
from services.upload_api.database import Database
from services.upload_api.models import Image, ImagePage, Rendition
from services.upload_api.problems import INVALID, UNKNOWN_IMAGE, ProblemError
from services.upload_api.storage import Storage

_FIRST_YEAR, _LAST_YEAR = 2000, 3000

_Renditions = Mapping[UUID, Sequence[RenditionRecord]]


@dataclass(frozen=True)
class Catalogue:
    """An uploader's own images that are younger than the retention period."""

    settings: UploadSettings
    database: Database
    storage: Storage

    async def image(self, uploader: str, image: UUID, now: datetime) -> Image:
        """Returns one image.

        Raises `ProblemError` when there is no image of that id, or it is another uploader's.
        """
        oldest = cutoff(now, self.settings.retention)
        found = await self._present(
            partial(lookup.find_own, uploader=uploader, image=image, after=oldest)
        )
        if not found:
            raise _unknown_image()
        return found[0]

    async def request_erasure(self, uploader: str, image: UUID) -> int:
        """Requests the erasure of an image, and returns the request's number.

        Raises `ProblemError` when there is no image of that id, or it is another uploader's.
        """
        request = partial(lookup.request_erasure, uploader=uploader, image=image)
        number = await self.database.run(request)
        if number is None:
            raise _unknown_image()
        return number

    async def page(self, uploader: str, limit: int, cursor: str | None, now: datetime) -> ImagePage:
        """Returns a page of images, newest first.

        Raises `ProblemError` when the cursor is invalid.
        """
        after = read_cursor(cursor) if cursor else None
        oldest = cutoff(now, self.settings.retention)
        own = partial(lookup.page_of_own, uploader=uploader, after=oldest)
        images = await self._present(partial(own, limit=limit + 1, behind=after))
        page, more = images[:limit], images[limit:]
        last = Position(page[-1].received_at, page[-1].id) if more else None
        return ImagePage(images=page, next_cursor=write_cursor(last) if last else None)

    def received(self, upload: Upload) -> dict[str, Any]:
        """Returns the fields of an image that has just been received."""
        return {
            "id": upload.image_id,
            "state": "received",
            "filename": upload.filename,
            "content_type": upload.content_type,
            "size_bytes": upload.size_bytes,
            "received_at": upload.arrived_at,
            "expires_at": upload.arrived_at + self.settings.purge_age,
            "status_url": status_url(self.settings, upload.image_id),
        }

    async def _present(self, read: Callable[[Connection], list[Upload]]) -> list[Image]:
        def read_all(connection: Connection) -> tuple[list[Upload], _Renditions]:
            found = read(connection)
            return found, lookup.renditions(connection, found)

        found, renditions = await self.database.run(read_all)
        keys = [record.object_key for records in renditions.values() for record in records]
        urls = dict(zip(keys, await self.storage.signed_urls(keys), strict=True))
        return [self._image(upload, renditions[upload.image_id], urls) for upload in found]

    def _image(
        self, upload: Upload, renditions: Sequence[RenditionRecord], urls: Mapping[str, str]
    ) -> Image:
        reason = Reason(upload.reason_code) if upload.reason_code else None
        facts = self.received(upload) | {
            "state": "received" if upload.state == "waiting" else upload.state,
            "reason": reason,
            "reason_text": rejection_texts()[reason] if reason else None,
            "renditions": [
                Rendition.model_validate({**vars(record), "url": urls[record.object_key]})
                for record in renditions
            ],
        }
        return Image(**facts)


def status_url(settings: UploadSettings, image: UUID) -> str:
    """Returns the URL of an image without a host, which only a proxy in front may know."""
    return f"{settings.upload_root_path}/v1/images/{image}"


def write_cursor(last: Position) -> str:
    """Returns the cursor after the last image of a page; it is opaque to callers."""
    text = f"{last.arrived_at.astimezone(UTC).isoformat()} {last.image_id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> Position:
    """Returns the position of a cursor; a forged one shows nothing of other callers.

    Raises `ProblemError` when it is malformed.
    """
    try:
        text = base64.b64decode(f"{cursor}{'=' * (-len(cursor) % 4)}", altchars="-_", validate=True)
        moment, _, image = text.decode("ascii").partition(" ")
        position = Position(datetime.fromisoformat(moment), UUID(image))
    except (ValueError, binascii.Error) as error:
        raise _invalid_cursor() from error
    if position.arrived_at.tzinfo is None or not (
        _FIRST_YEAR <= position.arrived_at.year <= _LAST_YEAR
    ):
        raise _invalid_cursor()
    return position


def _unknown_image() -> ProblemError:
    return ProblemError(
        UNKNOWN_IMAGE,
        "You have no image with this id: it was never sent, it was deleted, or it was stored "
        "moments ago and is not registered yet.",
    )


def _invalid_cursor() -> ProblemError:
    return ProblemError(INVALID, "The cursor is invalid; begin without one, at the first page.")
