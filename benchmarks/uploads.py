"""Requests per second of the upload API, beside a bare ASGI app that puts the same bodies.

Both run under Uvicorn in one process, and receive the same JPEG from eight clients that keep their
connections. Only one of the two is loaded at a time.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.clients import Target, request_rate
from benchmarks.rounds import measure_variants
from benchmarks.stack import start_upload_api
from infra.demo.photographs import photographs
from infra.local.ports import free_ports
from infra.local.server import Server, answers_http
from infra.local.stack import Stack

API, BARE_APP = "upload API", "bare ASGI app"

_CLIENTS = 8
_MEGAPIXELS = 0.3


def jpeg_of(size_bytes: int) -> bytes:
    """Returns a photograph padded behind its end to a size: decoders stop at the end."""
    made = photographs(10, megapixels=_MEGAPIXELS)
    jpeg = next(one.body for one in made if one.content_type == "image/jpeg")
    return jpeg + bytes(size_bytes - len(jpeg))


def measure_uploads(
    api: Target, bare: Target, size_bytes: int, requests: int, turn: int
) -> dict[str, float]:
    """Sends as many requests to each; returns requests per second."""
    body = jpeg_of(size_bytes)
    variants = {
        API: lambda: request_rate(api, body, requests, _CLIENTS),
        BARE_APP: lambda: request_rate(bare, body, requests, _CLIENTS),
    }
    return measure_variants(variants, turn)


@contextmanager
def upload_api(stack: Stack) -> Iterator[Target]:
    """Serves the upload API over the stack."""
    key = start_upload_api(stack)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "image/jpeg"}
    try:
        yield Target(stack.ports.upload_api, "/v1/images", headers)
    finally:
        stack.upload_api.stop()


@contextmanager
def baseline_app(stack: Stack) -> Iterator[Target]:
    """Serves the bare ASGI app over the stack's object store."""
    port = free_ports().dagster
    server = Server(
        name="bare_asgi",
        title="the bare ASGI app",
        argv=(sys.executable, "-m", "benchmarks.baseline_asgi", str(port)),
        port=port,
        port_variable="",
        is_ready=lambda: answers_http(f"http://127.0.0.1:{port}/"),
        state=stack.state,
        env=stack.environment(),
    )
    try:
        server.start()
        yield Target(port, "/")
    finally:
        server.stop()
