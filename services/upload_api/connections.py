"""Connections: what a caller may send before a request begins, in bytes, fields and seconds.

Uvicorn's protocol on httptools bounds none of it, and its parser collects an unfinished field in
memory. The parser itself refuses what two servers could read differently: a request with both
Content-Length and Transfer-Encoding, a length given twice, and spaces before a colon.
"""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from services.upload_api.problems import HEADERS_TOO_LARGE, MALFORMED, MEDIA_TYPE, Kind, problem

MAX_HEADER_BYTES: Final = 32 * 1024
MAX_FIELDS: Final = 100

_SEPARATOR_BYTES = 4  # ": " and the end of the line
_MALFORMED = (
    MALFORMED,
    "Send exactly one Host header, and state the length of the body in one way only.",
)
_TOO_LARGE = (
    HEADERS_TOO_LARGE,
    f"URL and headers may have {MAX_HEADER_BYTES:,} bytes in {MAX_FIELDS} fields; send fewer.",
)


class _RefusedError(Exception):
    """The headers of a request are not accepted."""


class LimitedProtocol(HttpToolsProtocol):
    """Uvicorn's protocol with limits on the headers of a request and on what surrounds its body.

    A connection on which a request has begun and its headers are not complete in time is closed,
    as is one on which nothing is sent. Chunk extensions and trailers count like headers.
    """

    header_seconds = 10.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._refusal = _MALFORMED
        self._pending_bytes = 0
        """Received since headers, a piece of a body or a whole request was complete."""
        self._is_in_body = False
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Waits for the first request."""
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parses what was received, and refuses it once too much of it completes nothing."""
        self._pending_bytes += len(data)
        super().data_received(data)
        if self._pending_bytes > MAX_HEADER_BYTES and not self.transport.is_closing():
            self._refusal = _TOO_LARGE
            self.send_400_response("")
        elif self._pending_bytes and not self._is_in_body:
            self._wait_for_head()

    def on_message_begin(self) -> None:
        """Begins a request."""
        super().on_message_begin()
        self._wait_for_head()

    def on_headers_complete(self) -> None:
        """Passes the request on unless its headers are refused."""
        self._stop_waiting()
        self._pending_bytes = 0
        size_bytes = len(self.url)
        hosts = 0
        for name, value in self.headers:
            size_bytes += len(name) + len(value) + _SEPARATOR_BYTES
            hosts += name == b"host"
        if size_bytes > MAX_HEADER_BYTES or len(self.headers) > MAX_FIELDS:
            self._refusal = _TOO_LARGE
            raise _RefusedError
        if hosts != 1:
            raise _RefusedError
        super().on_headers_complete()
        self._is_in_body = True

    def on_body(self, body: bytes) -> None:
        """Passes a piece of the body on."""
        self._pending_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Ends the request."""
        self._pending_bytes, self._is_in_body = 0, False
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's name for all of it
        """Answers with the problem, unless another request is to be answered first."""
        if self._is_in_body:
            is_next = not (self.cycle.response_started or self.pipeline)
        else:
            is_next = self._is_idle
        if is_next:
            self.transport.write(_response(*self._refusal))
        self.transport.close()

    @property
    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _wait_for_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.header_seconds, self._close_if_idle)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _close_if_idle(self) -> None:
        self._head_timer = None
        if self._is_idle:
            self.transport.close()


def _response(kind: Kind, detail: str) -> bytes:
    body = problem(kind, detail).encode()
    headers = (
        f"content-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\n"
        "x-content-type-options: nosniff\r\nconnection: close\r\n\r\n"
    )
    return STATUS_LINE[kind.status] + headers.encode() + body
