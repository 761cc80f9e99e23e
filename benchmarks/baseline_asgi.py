"""The bare ASGI app beside the upload API: reads a body and puts it to the same bucket.

It has no framework, no key, no check and no ledger. `python -m benchmarks.baseline_asgi PORT`
serves it with Uvicorn, as the upload API is served.
"""

import sys
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import obstore
import uvicorn
from obstore.store import S3Store

from assets.settings import Settings

Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]

_HEADERS = [(b"content-type", b"application/json")]


class BaselineApp:
    """Puts every request's body under a key of its own and answers with that key."""

    def __init__(self, store: S3Store) -> None:
        self.store = store

    async def __call__(self, scope: Event, receive: Receive, send: Send) -> None:
        """Serves one request; anything but a POST is a health check."""
        if scope["method"] != "POST":
            await _answer(send, 200, b"{}")
            return
        body = bytearray()
        while True:
            event = await receive()
            body += event.get("body", b"")
            if not event.get("more_body", False):
                break
        key = f"bare/{uuid.uuid4()}"
        await obstore.put_async(self.store, key, bytes(body), use_multipart=False)
        await _answer(send, 201, f'{{"key":"{key}"}}'.encode())


async def _answer(send: Send, status: int, body: bytes) -> None:
    headers = [*_HEADERS, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _open_bucket(settings: Settings) -> S3Store:
    secret = settings.aws_secret_access_key
    return S3Store(
        settings.raw_bucket,
        endpoint=settings.aws_endpoint_url,
        region=settings.aws_default_region,
        access_key_id=settings.aws_access_key_id,
        secret_access_key=secret.get_secret_value() if secret else None,
        client_options={"allow_http": True, "timeout": "30s"},
    )


def main(port: int) -> None:
    """Serves the app on 127.0.0.1 until a signal ends it."""
    app = BaselineApp(_open_bucket(Settings()))
    uvicorn.run(app, host="127.0.0.1", port=port, lifespan="off", access_log=False)


if __name__ == "__main__":
    main(int(sys.argv[1]))
