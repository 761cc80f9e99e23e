"""The JSON bodies of the API."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from assets.validation.headers import IMAGE_TYPES, MAX_IMAGE_BYTES
from assets.validation.reasons import Reason


class Rendition(BaseModel):
    """An image file made from an image."""

    name: str
    url: str = Field(description="valid for five minutes; request the image again for a new one")
    width_px: int
    height_px: int
    size_bytes: int


class Image(BaseModel):
    """An image and what became of it."""

    id: UUID
    state: Literal["received", "processed", "rejected"]
    reason: Reason | None = Field(None, description="why it was rejected, for programs")
    reason_text: str | None = Field(None, description="why it was rejected, and what to do")
    filename: str | None
    content_type: str | None = Field(description="as declared by the sender")
    size_bytes: int
    received_at: datetime
    expires_at: datetime = Field(description="when the image and its renditions are deleted")
    status_url: str = Field(description="where the state of the image can be requested")
    renditions: list[Rendition] = Field(default=[], description="largest first")


class Accepted(Image):
    """An image that is stored durably."""

    note: str | None = Field(None, description="what is still to happen, if anything is")


class ImagePage(BaseModel):
    """Images of the caller, newest first."""

    images: list[Image]
    next_cursor: str | None = Field(description="cursor of the next page; null on the last one")


class RequestedErasure(BaseModel):
    """An image whose erasure is requested: nobody sees it any more, and its copies are deleted."""

    id: UUID
    request: int = Field(description="number of the request, the same when it is repeated")


class DirectUpload(BaseModel):
    """An image that the caller is about to send directly to S3: these bytes and no others."""

    filename: Annotated[str, StringConstraints(max_length=255)] | None = None
    content_type: Annotated[str, StringConstraints(pattern=f"^({'|'.join(IMAGE_TYPES)})$")]
    size_bytes: int = Field(ge=1, le=MAX_IMAGE_BYTES)
    sha256: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")] = Field(
        description="digest of the bytes, in hexadecimal"
    )


class DirectUploadUrl(BaseModel):
    """A URL of S3 that stores one object, once: PUT the bytes to it with these headers.

    S3 answers 200, or 412 if they are stored already; after 409, which concurrent requests may get,
    send them again.
    """

    id: UUID
    url: str
    headers: dict[str, str]
    expires_at: datetime = Field(description="until when S3 accepts the URL")
    status_url: str = Field(description="where the state can be requested once S3 has the image")


class Readiness(BaseModel):
    """Which servers serve this program."""

    status: Literal["ready", "degraded"]
    object_store: Literal["answers"]
    database: Literal["answers", "does not answer", "refuses"]
    detail: str


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"
