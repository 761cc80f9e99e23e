"""The ASGI layers around the app: response headers, limits of small bodies, and metrics.

`secure` would need a builder call for each of the static headers below and has no part for the
closing of connections; prometheus-fastapi-instrumentator and starlette-exporter name metrics and
labels differently, and the names of metrics must not change.
"""

import asyncio
import time
from collections.abc import Iterator

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.upload_api.metrics import Metrics
from services.upload_api.problems import PROBLEM_KIND

_DRAIN_SECONDS = 1.0
_DRAIN_BYTES = 1024 * 1024
_MAX_OTHER_BODY_BYTES = 16 * 1024
_OTHER_BODY_SECONDS = 10.0
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
_CLOSE = (b"connection", b"close")
_HTTPS_ONLY = (b"strict-transport-security", b"max-age=31536000")
_PRIVATE_CACHE_HEADERS = (b"cache-control", b"no-store")
_PUBLIC_CACHE_HEADERS = (b"cache-control", b"no-cache")
_METHODS = frozenset({"GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"})


def page_policy(images_from: str) -> str:
    """Returns the content security policy: the own origin, and images from one other origin."""
    return (
        f"default-src 'self'; img-src 'self' blob: {images_from}; object-src 'none'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )


class EdgeMiddleware:
    """Adds headers to every response, and closes the connection after an early one.

    A response that is sent before the whole request has arrived closes the connection. For a moment
    the middleware reads and drops what is still arriving: closing a connection with unread bytes
    resets it, and the reset may reach the caller before the response does.

    Args:
        large_bodies: The path that accepts large bodies and limits them itself.
    """

    def __init__(self, app: ASGIApp, images_from: str, large_bodies: str) -> None:
        self._app = app
        policy = page_policy(images_from).encode()
        self._large_bodies = large_bodies
        self._headers = (*_HEADERS, (b"content-security-policy", policy))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_own_limit = scope["path"] == scope.get("root_path", "") + self._large_bodies
        body = _Body(scope, receive, None if has_own_limit else _MAX_OTHER_BODY_BYTES)
        is_closing = False

        async def send_with_headers(message: Message) -> None:
            nonlocal is_closing
            if message["type"] == "http.response.start":
                is_closing = body.is_arriving
                headers = [*message.get("headers", ()), *self._added_headers(scope, is_closing)]
                message = {**message, "headers": headers}
            elif is_closing and not message.get("more_body", False):
                await send({**message, "more_body": True})
                await body.drain()
                message = {"type": "http.response.body"}
            await send(message)

        await self._app(scope, body.receive, send_with_headers)

    def _added_headers(self, scope: Scope, is_closing: bool) -> Iterator[tuple[bytes, bytes]]:
        yield from self._headers
        yield _PRIVATE_CACHE_HEADERS if "/v1/" in scope["path"] else _PUBLIC_CACHE_HEADERS
        if scope["scheme"] == "https":
            yield _HTTPS_ONLY
        if is_closing:
            yield _CLOSE


class _Body:
    """A request's body: how much of it was read, and the limits of bytes and time."""

    def __init__(self, scope: Scope, receive: Receive, max_bytes: int | None) -> None:
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"0")
        self.is_arriving = b"transfer-encoding" in headers or length != b"0"
        self._expects_continue = b"expect" in headers
        self._receive = receive
        self._max_bytes = max_bytes
        self._read_bytes = 0
        self._ends = asyncio.get_running_loop().time() + _OTHER_BODY_SECONDS

    async def receive(self) -> Message:
        """Receives the next event; raises `HTTPException` when a body exceeds its limit."""
        if self._max_bytes is None or not self.is_arriving:
            event = await self._receive()
            self._note(event)
            return event
        try:
            async with asyncio.timeout_at(self._ends):
                event = await self._receive()
        except TimeoutError as error:
            raise HTTPException(408) from error
        self._note(event)
        if self._read_bytes > self._max_bytes:
            raise HTTPException(413)
        return event

    async def drain(self) -> None:
        """Reads and drops what arrives, for a bounded time and size."""
        if self._expects_continue and not self._read_bytes:
            return  # the caller waits for "100 Continue" and sends nothing
        begin = self._read_bytes
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                while self.is_arriving and self._read_bytes - begin < _DRAIN_BYTES:
                    self._note(await self._receive())
        except TimeoutError:
            return

    def _note(self, event: Message) -> None:
        if event["type"] == "http.request":
            self._read_bytes += len(event.get("body", b""))
            self.is_arriving = event.get("more_body", False)
        else:
            self.is_arriving = False


class MetricsMiddleware:
    """Counts and times the requests of an app."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on and counts it, also when the app raises."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        started = time.perf_counter()

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with self._metrics.in_flight.track_inprogress():
            try:
                await self._app(scope, receive, send_and_note)
            finally:
                # The pattern of the path, never the path, which may hold anything.
                route = getattr(scope.get("route"), "path", "other")
                method = scope["method"] if scope["method"] in _METHODS else "other"
                self._metrics.requests.labels(route, method, str(status)).inc()
                self._metrics.seconds.labels(route).observe(time.perf_counter() - started)
                if PROBLEM_KIND in scope:
                    self._metrics.problems.labels(scope[PROBLEM_KIND]).inc()
