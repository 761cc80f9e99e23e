"""An image's bytes taken in piece by piece, and refused as soon as it is known why.

A body is at most 10 MiB and is held in memory: it goes to S3 whole or not at all.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

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
from services.upload_api.problems import (
    BUSY,
    INVALID,
    NOT_AN_IMAGE,
    REFUSED,
    TOO_LARGE,
    TOO_SLOW,
    ProblemError,
)

_FORMATS = ", ".join(ALLOWED_FORMATS)
_REFUSALS = {
    Reason.TOO_MANY_PIXELS: (
        f"It has more than {MAX_IMAGE_PIXELS:,} pixels; scale it down and send it again."
    ),
    Reason.TOO_MANY_FRAMES: (
        f"It has more than {MAX_FRAMES} frames; send one picture, or a shorter animation."
    ),
}
_BUSY_SECONDS = 1
_GRANULE_SECONDS = 0.5  # a timer for every piece would cost more than the piece


class BodyValidator:
    """The bytes of one image, checked while they come."""

    def __init__(self) -> None:
        self.body = bytearray()
        self._digest = hashlib.sha256()
        self._checked_bytes = 0

    def take(self, piece: bytes) -> None:
        """Takes the next bytes.

        Raises `ProblemError` once the image is too large, of another format, or beyond a limit.
        """
        if len(self.body) + len(piece) > MAX_IMAGE_BYTES:
            raise too_large()
        self.body += piece
        self._digest.update(piece)
        self._check_at(SIGNATURE_BYTES, check_format)
        self._check_at(HEADER_BYTES, check_limits)

    def finish(self) -> bytes:
        """Ends the image and returns the SHA-256 digest of its bytes.

        Raises `ProblemError` as `take` does, and when there are no bytes.
        """
        if not self.body:
            raise ProblemError(INVALID, "The body is empty; send the bytes of an image.")
        first = bytes(self.body[:HEADER_BYTES])
        if self._checked_bytes < SIGNATURE_BYTES:
            check_format(first)
        if self._checked_bytes < HEADER_BYTES:
            check_limits(first)
        return self._digest.digest()

    def _check_at(self, size_bytes: int, check: Callable[[bytes], None]) -> None:
        if self._checked_bytes < size_bytes <= len(self.body):
            check(bytes(self.body[:size_bytes]))
            self._checked_bytes = size_bytes


def check_format(first: bytes) -> None:
    """Raises `ProblemError` unless a file's first bytes announce an allowed format."""
    if format_of(first) is None:
        other = other_format_of(first)
        found = f"{other}, which is not taken" if other else f"none of {_FORMATS}"
        raise ProblemError(
            NOT_AN_IMAGE,
            f"By its first bytes it is {found}, whatever its name says; "
            "convert it to a format that is taken, JPEG or PNG for instance.",
        )


def check_limits(first: bytes) -> None:
    """Raises `ProblemError` when a file's header breaks a limit."""
    if reason := reject_header(first):
        raise ProblemError(REFUSED, _REFUSALS[reason])


def too_large() -> ProblemError:
    """Returns the problem of a body with too many bytes."""
    return ProblemError(
        TOO_LARGE,
        f"An image may have {MAX_IMAGE_BYTES:,} bytes (10 MiB) at most; "
        "scale it down or compress it more.",
    )


@dataclass(frozen=True)
class BodyTimeouts:
    """How long a caller may take: for one pause within a body, and for the whole of it."""

    idle_seconds: float
    body_seconds: float


async def read_body(
    receive: Receive, take: Callable[[bytes], None], timeouts: BodyTimeouts
) -> None:
    """Passes a request's body on piece by piece.

    Raises:
        ProblemError: It comes too slowly.
        ClientDisconnect: The caller went away before its end.
    """
    now = asyncio.get_running_loop().time
    ends, waits_until = now() + timeouts.body_seconds, 0.0
    try:
        async with asyncio.timeout(None) as limit:
            is_complete = False
            while not is_complete:
                if (wanted := min(now() + timeouts.idle_seconds, ends)) > waits_until:
                    waits_until = wanted + _GRANULE_SECONDS
                    limit.reschedule(waits_until)
                event = await receive()
                if event["type"] == "http.disconnect":
                    raise ClientDisconnect
                take(event.get("body", b""))
                is_complete = not event.get("more_body", False)
    except TimeoutError as error:
        raise ProblemError(
            TOO_SLOW,
            f"Nothing came for {timeouts.idle_seconds:.0f} s, or the whole took longer than "
            f"{timeouts.body_seconds:.0f} s; send it again, with a smaller image on a slow line.",
        ) from error


class MemoryBudget:
    """The memory that bodies under way may take together."""

    def __init__(self, size_bytes: int) -> None:
        self._free_bytes = size_bytes

    @contextmanager
    def hold(self, size_bytes: int) -> Iterator[None]:
        """Reserves room for a body.

        Raises `ProblemError` when there is none: whoever waited would hold up the rest.
        """
        if size_bytes > self._free_bytes:
            raise ProblemError(
                BUSY,
                "So many uploads are under way that this one has no room; "
                "send it again in a moment, with the same Idempotency-Key.",
                {"Retry-After": str(_BUSY_SECONDS)},
            )
        self._free_bytes -= size_bytes
        try:
            yield
        finally:
            self._free_bytes += size_bytes
