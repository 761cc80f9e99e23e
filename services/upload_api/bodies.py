"""The image in a request's body, bare or as the one file of a form."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fastapi import Request
from starlette.types import Receive

from assets.validation.headers import MAX_IMAGE_BYTES
from services.upload_api.acceptance import Received
from services.upload_api.intake import BodyTimeouts, BodyValidator, read_body, too_large
from services.upload_api.multipart import MAX_OVERHEAD_BYTES, OneFile
from services.upload_api.names import clean, clean_filename, decoded, disposition_filename
from services.upload_api.problems import INVALID, ProblemError

IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]+")
MAX_IDEMPOTENCY_KEY_LENGTH = 255

_FORM = "multipart/form-data"


@dataclass(frozen=True)
class Declared:
    """What a request's head says of the image to come."""

    content_type: str
    size_bytes: int | None
    filename: str | None
    idempotency_key: str | None

    @property
    def is_form(self) -> bool:
        """Whether the image is part of a form."""
        return self.content_type.partition(";")[0].strip().lower() == _FORM

    @staticmethod
    def of(request: Request) -> Declared:
        """Reads a request's head.

        Raises `ProblemError` when its Idempotency-Key cannot be one.
        """
        headers = request.headers
        name = (
            decoded(headers.get("x-filename"))
            or disposition_filename(headers.get("content-disposition"))
            or request.query_params.get("filename")
        )
        length, key = headers.get("content-length"), headers.get("idempotency-key")
        if key is not None and not (
            IDEMPOTENCY_KEY.fullmatch(key) and len(key) <= MAX_IDEMPOTENCY_KEY_LENGTH
        ):
            raise ProblemError(
                INVALID,
                f"The Idempotency-Key must be at most {MAX_IDEMPOTENCY_KEY_LENGTH} visible ASCII "
                "characters; a random UUID for each image will do.",
            )
        return Declared(
            content_type=headers.get("content-type", ""),
            size_bytes=int(length) if length else None,
            filename=clean_filename(name),
            idempotency_key=key,
        )


def memory_needed(declared: Declared) -> int:
    """Returns how many bytes of memory a body may take.

    Raises `ProblemError` when it says itself that it is too large.
    """
    most = MAX_IMAGE_BYTES + (MAX_OVERHEAD_BYTES if declared.is_form else 0)
    if declared.size_bytes is None:
        return MAX_IMAGE_BYTES
    if declared.size_bytes > most:
        raise too_large()
    return min(declared.size_bytes, MAX_IMAGE_BYTES)


async def read_image(receive: Receive, declared: Declared, timeouts: BodyTimeouts) -> Received:
    """Reads the image in a request's body.

    Raises:
        ProblemError: It is none that is taken, or comes too slowly.
        ClientDisconnect: The caller went away before its end.
    """
    intake = BodyValidator()
    if not declared.is_form:
        await read_body(receive, intake.take, timeouts)
        return _received(intake, declared.filename, declared.content_type)
    form = OneFile(declared.content_type, intake.take)
    await read_body(receive, form.take, timeouts)
    form.finish()
    filename = declared.filename or clean_filename(disposition_filename(form.disposition))
    return _received(intake, filename, form.content_type)


def _received(intake: BodyValidator, filename: str | None, content_type: str | None) -> Received:
    digest = intake.finish()
    return Received(intake.body, digest, filename, clean(content_type))
