"""What holds for every answer: headers that browsers keep to, and no body that nobody wants."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LINGER_SECONDS = 1.0
_LINGER_BYTES = 1024 * 1024
_MAX_OTHER_BODY_BYTES = 16 * 1024
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


def page_policy(images_from: str) -> str:
    """Returns the content security policy: nothing but our own, and images from one more origin.

    Args:
        images_from: The origin of the signed addresses of renditions.
    """
    return (
        f"default-src 'self'; img-src 'self' blob: {images_from}; object-src 'none'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )


class EdgeMiddleware:
    """The outermost layer of the app.

    An answer that comes before its request's end closes the connection. What is on its way is
    taken off it for a moment first: a connection that is closed with bytes unread is reset, and a
    reset can overtake the answer.

    Args:
        app: The app inside.
        images_from: See `page_policy`.
        large_bodies: The path that takes large bodies; it bounds them itself.
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
        is_bounded_inside = scope["path"] == scope.get("root_path", "") + self._large_bodies
        body = _Body(scope, receive, None if is_bounded_inside else _MAX_OTHER_BODY_BYTES)
        is_closing = False

        async def dressed(message: Message) -> None:
            nonlocal is_closing
            if message["type"] == "http.response.start":
                is_closing = body.is_under_way
                headers = [*message.get("headers", ()), *self._with_headers(scope, is_closing)]
                message = {**message, "headers": headers}
            elif is_closing and not message.get("more_body", False):
                await send({**message, "more_body": True})
                await body.take_off()
                message = {"type": "http.response.body"}
            await send(message)

        await self._app(scope, body.receive, dressed)

    def _with_headers(self, scope: Scope, is_closing: bool) -> Iterator[tuple[bytes, bytes]]:
        yield from self._headers
        yield _PRIVATE_CACHE_HEADERS if "/v1/" in scope["path"] else _PUBLIC_CACHE_HEADERS
        if scope["scheme"] == "https":
            yield _HTTPS_ONLY
        if is_closing:
            yield _CLOSE


class _Body:
    """A request's body, how far it was read, and how far it may be."""

    def __init__(self, scope: Scope, receive: Receive, max_bytes: int | None) -> None:
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"0")
        self.is_under_way = b"transfer-encoding" in headers or length != b"0"
        self._waits_for_leave = b"expect" in headers
        self._receive = receive
        self._max_bytes = max_bytes
        self._read_bytes = 0

    async def receive(self) -> Message:
        """Receives the next event; raises when there is more than may be."""
        event = await self._receive()
        self._note(event)
        if self._max_bytes is not None and self._read_bytes > self._max_bytes:
            raise HTTPException(413)
        return event

    async def take_off(self) -> None:
        """Reads on for a moment and forgets what comes."""
        if self._waits_for_leave and not self._read_bytes:
            return  # the caller waits for "100 Continue" and sends nothing
        begin = self._read_bytes
        try:
            async with asyncio.timeout(_LINGER_SECONDS):
                while self.is_under_way and self._read_bytes - begin < _LINGER_BYTES:
                    self._note(await self._receive())
        except TimeoutError:
            return

    def _note(self, event: Message) -> None:
        if event["type"] == "http.request":
            self._read_bytes += len(event.get("body", b""))
            self.is_under_way = event.get("more_body", False)
        else:
            self.is_under_way = False
