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


def baseline_app(store: S3Store) -> Callable[[Event, Receive, Send], Awaitable[None]]:
    """Returns an app that puts every request's body under a key of its own, and answers with it."""

    async def serve(scope: Event, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":  # a health check
            await _answer(send, 200, b"{}")
            return
        body, more_body = bytearray(), True
        while more_body:
            event = await receive()
            body += event.get("body", b"")
            more_body = event.get("more_body", False)
        key = f"bare/{uuid.uuid4()}"
        await obstore.put_async(store, key, bytes(body), use_multipart=False)
        await _answer(send, 201, f'{{"key":"{key}"}}'.encode())

    return serve


async def _answer(send: Send, status: int, body: bytes) -> None:
    length = str(len(body)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", length)]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main(port: int) -> None:
    """Serves the app on 127.0.0.1 until a signal ends it."""
    settings = Settings()
    secret = settings.aws_secret_access_key
    store = S3Store(
        settings.raw_bucket,
        endpoint=settings.aws_endpoint_url,
        region=settings.aws_default_region,
        access_key_id=settings.aws_access_key_id,
        secret_access_key=secret.get_secret_value() if secret else None,
        client_options={"allow_http": True, "timeout": "30s"},
    )
    app = baseline_app(store)
    uvicorn.run(app, host="127.0.0.1", port=port, lifespan="off", access_log=False)


if __name__ == "__main__":
    main(int(sys.argv[1]))
