"""What the API answers with, as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from assets.validation.headers import MAX_IMAGE_BYTES
from assets.validation.reasons import Reason


class Rendition(BaseModel):
    """A picture made from an image."""

    name: str
    url: str = Field(description="works for five minutes; ask again for a fresh one")
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
    content_type: str | None = Field(description="as the sender declared it")
    size_bytes: int
    received_at: datetime
    expires_at: datetime = Field(description="when it is deleted, with all that was made of it")
    status_url: str = Field(description="where to ask what became of it")
    renditions: list[Rendition] = Field(default=[], description="largest first")


class Accepted(Image):
    """An image that is stored, whatever happens next."""

    note: str | None = Field(None, description="what is still to come, where something is")


class ImagePage(BaseModel):
    """Images of the caller, newest first."""

    images: list[Image]
    next_cursor: str | None = Field(description="for the next page; null on the last")


class DirectUpload(BaseModel):
    """What somebody is about to send straight to S3."""

    filename: Annotated[str, StringConstraints(max_length=255)] | None = None
    content_type: Annotated[str, StringConstraints(pattern=r"^image/[a-z0-9.+-]{1,60}$")]
    size_bytes: int = Field(ge=1, le=MAX_IMAGE_BYTES)


class DirectUploadForm(BaseModel):
    """A form that S3 takes: POST it as multipart/form-data, the fields first, then `file`."""

    id: UUID
    url: str
    fields: dict[str, str]
    expires_at: datetime = Field(description="until when S3 takes the form")
    status_url: str = Field(description="where to ask what became of it, once S3 has it")


class Readiness(BaseModel):
    """Which servers answer."""

    status: Literal["ready", "degraded"]
    object_store: Literal["answers"]
    database: Literal["answers", "does not answer"]
    detail: str


class Health(BaseModel):
    """This process answers."""

    status: Literal["ok"] = "ok"
