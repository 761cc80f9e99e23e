"""Keeps the embedded object store from acknowledging what it cannot keep.

MiniStack answers 200 for an object that it could not write to the disk, and only logs that: after
its next start the object is gone, and until then a repeated request finds it there. It also
announces an object before it writes it. On a full disk PostgreSQL fails as well, so that objects
are refused while there is still room. Both answers are 507, which AWS itself never gives.
"""

import logging
import shutil
from collections.abc import Awaitable, Callable, Collection
from contextvars import ContextVar, copy_context
from functools import partial
from pathlib import Path
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MIN_FREE_BYTES: Final = 1024**3
"""Free space below which no object is stored; the rest is for PostgreSQL and for logs."""

_NOT_WRITTEN: ContextVar[list[str] | None] = ContextVar("not_written", default=None)
_WAITING: ContextVar[list[Callable[[], None]] | None] = ContextVar("waiting", default=None)
_BODY = "<Error><Code>InsufficientStorage</Code><Message>{}</Message></Error>"


def announce_when_written(announce: Callable[..., None]) -> Callable[..., None]:
    """Returns a function that announces an object's change when its request is answered.

    A change that was refused is not announced.
    """

    def later(*arguments: object, **named: object) -> None:
        waiting, context = _WAITING.get(), copy_context()
        act = partial(context.run, partial(announce, *arguments, **named))
        if waiting is None:
            act()
        else:
            waiting.append(act)

    return later


class Durability:
    """Passes requests to MiniStack; answers 507 where an object was not or should not be stored.

    Args:
        folder: Where MiniStack keeps objects.
        exempt: Buckets that are written to for as long as possible, such as those of a purge.
        delete: Deletes the object of a path, or one of its versions, from MiniStack.
    """

    def __init__(
        self,
        app: ASGIApp,
        folder: Path,
        exempt: Collection[str],
        delete: Callable[[str, str | None], Awaitable[None]],
        min_free_bytes: int = MIN_FREE_BYTES,
    ) -> None:
        self._app, self._folder, self._exempt, self._delete = app, folder, exempt, delete
        self._min_free_bytes = min_free_bytes
        logging.getLogger("s3").addHandler(_Failures())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection of an ASGI server."""
        if scope["type"] == "http" and self._is_too_late(scope):
            await _full(scope, receive, send)
            return
        not_written: list[str] = []
        waiting: list[Callable[[], None]] = []
        _NOT_WRITTEN.set(not_written)
        _WAITING.set(waiting)

        async def send_if_written(message: Message) -> None:
            if not not_written:
                while waiting:
                    waiting.pop(0)()
                await send(message)
            elif message["type"] == "http.response.start":
                await self._forget(scope, message)
                await _full(scope, receive, send)

        await self._app(scope, receive, send_if_written)

    async def _forget(self, scope: Scope, answer: Message) -> None:
        """Deletes what was not written, unless it replaced an object that is on the disk."""
        request, response = Headers(scope=scope), Headers(raw=answer["headers"])
        version = response.get("x-amz-version-id")
        if version or "if-none-match" in request:
            await self._delete(scope["path"], version)

    def _is_too_late(self, scope: Scope) -> bool:
        """Whether a request stores an object, or a part of one, while there is too little room."""
        bucket, _, key = scope["path"].strip("/").partition("/")
        stores = scope["method"] in {"PUT", "POST"} and key and bucket not in self._exempt
        return bool(stores) and shutil.disk_usage(self._folder).free < self._min_free_bytes


class _Failures(logging.Handler):
    """Notes for the request being served what MiniStack logs as not written."""

    def emit(self, record: logging.LogRecord) -> None:
        not_written = _NOT_WRITTEN.get()
        if not_written is not None and record.msg.startswith("Failed to persist"):
            not_written.append(record.msg)


async def _full(scope: Scope, receive: Receive, send: Send) -> None:
    body = _BODY.format("The disk has too little free space; nothing was stored.")
    await Response(body, 507, media_type="application/xml")(scope, receive, send)
