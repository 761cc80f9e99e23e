"""The image in a request's body: read with limits on size, time and memory, checked as it arrives.

A body has at most 10 MiB and is kept in memory, because it goes to S3 whole or not at all.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from assets.validation.headers import (
    ALLOWED_FORMATS,
    HEADER_BYTES,
    MAX_FRAMES,
    MAX_IMAGE_BYTES,
    MAX_IMAGE_PIXELS,
    reject_header,
)
from assets.validation.reasons import Reason
from assets.validation.signatures import SIGNATURE_BYTES, format_of, other_format_of
from services.upload_api.acceptance import Received
from services.upload_api.filenames import clean, clean_filename, decoded, disposition_filename
from services.upload_api.multipart import MAX_OVERHEAD_BYTES, SingleFileForm
from services.upload_api.problems import (
    BUSY,
    INVALID,
    NOT_AN_IMAGE,
    REFUSED,
    TOO_LARGE,
    TOO_MANY_BODIES,
    TOO_SLOW,
    ProblemError,
)

IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]+")
MAX_IDEMPOTENCY_KEY_LENGTH = 255

_FORM = "multipart/form-data"
_FORMATS = ", ".join(ALLOWED_FORMATS)
_LIMIT_DETAILS = {
    Reason.TOO_MANY_PIXELS: (
        f"The image has more than {MAX_IMAGE_PIXELS:,} pixels; scale it down and send it again."
    ),
    Reason.TOO_MANY_FRAMES: (
        f"The image has more than {MAX_FRAMES} frames; send one frame or a shorter animation."
    ),
}
_TIMER_SECONDS = 0.5  # setting a timer for every chunk would cost more than reading the chunk


@dataclass(frozen=True)
class Declared:
    """What the headers and the query of a request say about the image."""

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
        """Reads the headers and the query of a request.

        Raises `ProblemError` when the Idempotency-Key is invalid.
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
                "characters; use a random UUID for each image.",
            )
        return Declared(
            content_type=headers.get("content-type", ""),
            size_bytes=int(length) if length else None,
            filename=clean_filename(name),
            idempotency_key=key,
        )


Reserve = Callable[[int], None]
"""Reserves memory for bytes; raises `ProblemError` when an uploader's share is used up."""


@dataclass
class _Share:
    """What the bodies of one uploader take."""

    bodies: int = 0
    size_bytes: int = 0


class MemoryBudget:
    """The memory for bodies in flight, reserved as they arrive and shared among uploaders.

    An uploader gets at most as much as stays free. Of n uploaders who take what they can get each
    has one part of n + 1, and one part is left for the next.
    """

    def __init__(self, size_bytes: int, bodies: int) -> None:
        self._free_bytes = size_bytes
        self._bodies = bodies
        self._shares: dict[str, _Share] = {}

    @contextmanager
    def body(self, uploader: str) -> Iterator[Reserve]:
        """Yields what reserves memory for a body; it is released when the block ends.

        Raises `ProblemError` when the uploader has too many bodies in flight.
        """
        share = self._shares.setdefault(uploader, _Share())
        if share.bodies >= self._bodies:
            raise ProblemError(
                TOO_MANY_BODIES,
                f"You may send {self._bodies} images at the same time; "
                "send this one again when another is finished, with the same Idempotency-Key.",
            )
        share.bodies += 1
        reserved_bytes = 0

        def reserve(size_bytes: int) -> None:
            nonlocal reserved_bytes
            if share.size_bytes + size_bytes > self._free_bytes - size_bytes:
                raise ProblemError(
                    BUSY,
                    "Too many uploads are in flight to accept all of this one; "
                    "send it again in a moment, with the same Idempotency-Key.",
                )
            reserved_bytes += size_bytes
            share.size_bytes += size_bytes
            self._free_bytes -= size_bytes

        try:
            yield reserve
        finally:
            share.bodies -= 1
            share.size_bytes -= reserved_bytes
            self._free_bytes += reserved_bytes
            if not share.bodies:
                del self._shares[uploader]


@dataclass(frozen=True)
class BodyTimeouts:
    """How long a body may take: one pause between chunks, and all of it."""

    idle_seconds: float
    body_seconds: float


async def read_image(
    receive: Receive, declared: Declared, timeouts: BodyTimeouts, reserve: Reserve
) -> Received:
    """Reads the image in a request's body, bare or as the only file of a form.

    Raises `ProblemError` when the body is not an acceptable image, arrives too slowly, or finds no
    memory, and `ClientDisconnect` when the caller disconnected before the end.
    """
    limit = MAX_IMAGE_BYTES + (MAX_OVERHEAD_BYTES if declared.is_form else 0)
    if declared.size_bytes is not None and declared.size_bytes > limit:
        raise _too_large()
    image = BodyValidator(reserve)
    if not declared.is_form:
        await read_body(receive, image.feed, timeouts)
        filename, content_type = declared.filename, declared.content_type
    else:
        form = SingleFileForm(declared.content_type, image.feed)
        await read_body(receive, form.feed, timeouts)
        form.finish()
        filename = declared.filename or clean_filename(disposition_filename(form.disposition))
        content_type = form.content_type or ""
    return Received(image.body, image.finish(), filename, clean(content_type))


async def read_body(
    receive: Receive, feed: Callable[[bytes], None], timeouts: BodyTimeouts
) -> None:
    """Passes the chunks of a request's body to `feed`.

    Raises `ProblemError` when the body arrives too slowly, and `ClientDisconnect` when the caller
    disconnected before the end.
    """
    now = asyncio.get_running_loop().time
    ends, waits_until = now() + timeouts.body_seconds, 0.0
    try:
        async with asyncio.timeout(None) as limit:
            is_complete = False
            while not is_complete:
                if (wanted := min(now() + timeouts.idle_seconds, ends)) > waits_until:
                    waits_until = wanted + _TIMER_SECONDS
                    limit.reschedule(waits_until)
                event = await receive()
                if event["type"] == "http.disconnect":
                    raise ClientDisconnect
                feed(event.get("body", b""))
                is_complete = not event.get("more_body", False)
    except TimeoutError as error:
        raise ProblemError(
            TOO_SLOW,
            f"No data arrived for {timeouts.idle_seconds:.0f} s, or the body took longer than "
            f"{timeouts.body_seconds:.0f} s; send it again, on a slow connection a smaller image.",
        ) from error


class BodyValidator:
    """The bytes of one image, checked while they arrive."""

    def __init__(self, reserve: Reserve) -> None:
        self.body = bytearray()
        self._reserve = reserve
        self._digest = hashlib.sha256()
        self._checked_bytes = 0

    def feed(self, chunk: bytes) -> None:
        """Appends a chunk.

        Raises `ProblemError` once the image is too large, not of an allowed format, or over a
        limit, and when there is no memory for it.
        """
        if len(self.body) + len(chunk) > MAX_IMAGE_BYTES:
            raise _too_large()
        self._reserve(len(chunk))
        self.body += chunk
        self._digest.update(chunk)
        self._check(is_last=False)

    def finish(self) -> bytes:
        """Ends the image and returns the SHA-256 digest of its bytes.

        Raises `ProblemError` as `feed` does, and when there are no bytes.
        """
        if not self.body:
            raise ProblemError(INVALID, "The body is empty; send the bytes of an image.")
        self._check(is_last=True)
        return self._digest.digest()

    def _check(self, *, is_last: bool) -> None:
        for size_bytes, check in ((SIGNATURE_BYTES, check_format), (HEADER_BYTES, check_limits)):
            if self._checked_bytes < size_bytes and (is_last or len(self.body) >= size_bytes):
                check(bytes(self.body[:size_bytes]))
                self._checked_bytes = size_bytes


def check_format(first: bytes) -> None:
    """Raises `ProblemError` unless the first bytes of a file are those of an allowed format."""
    if format_of(first) is None:
        other = other_format_of(first)
        found = f"{other}, which is not accepted" if other else f"none of {_FORMATS}"
        raise ProblemError(
            NOT_AN_IMAGE,
            f"By its first bytes the file is {found}, whatever its name says; "
            "convert it to an accepted format such as JPEG or PNG.",
        )


def check_limits(first: bytes) -> None:
    """Raises `ProblemError` when the header of an image exceeds a limit."""
    if reason := reject_header(first):
        raise ProblemError(REFUSED, _LIMIT_DETAILS[reason])


def _too_large() -> ProblemError:
    return ProblemError(
        TOO_LARGE,
        f"An image may have at most {MAX_IMAGE_BYTES:,} bytes (10 MiB); "
        "scale it down or compress it more.",
    )
