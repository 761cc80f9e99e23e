"""Requests per second of the upload API, beside a bare ASGI app that puts the same bodies.

Both run under Uvicorn in one process, and receive the same JPEG from eight clients that keep their
connections. Only one of the two is loaded at a time.
"""

import multiprocessing
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection

from benchmarks.rounds import measure_variants
from benchmarks.stack import start_upload_api
from infra.demo.photographs import photographs
from infra.local.ports import free_ports
from infra.local.server import Server, answers_http
from infra.local.stack import Stack
from infra.report import MeasurementError

API, BARE_APP = "upload API", "bare ASGI app"

_CLIENTS = 8
_MEGAPIXELS = 0.3
_TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Target:
    """Where to send: a path on a port of this machine.

    Attributes:
        headers: Sent with every request; they may contain a key and are not shown.
    """

    port: int
    path: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def rate(self, body: bytes, requests: int) -> float:
        """Sends from a process of its own; returns requests per second.

        Raises `MeasurementError` when an answer was not 201.
        """
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            return pool.submit(_send_all, self, body, requests).result()


def measure_uploads(
    api: Target, bare: Target, size_bytes: int, requests: int, turn: int
) -> dict[str, float]:
    """Sends as many requests to each; returns requests per second.

    The photograph is padded behind its end to its size: decoders stop at the end.
    """
    made = photographs(10, megapixels=_MEGAPIXELS)
    jpeg = next(one.body for one in made if one.content_type == "image/jpeg")
    body = jpeg.ljust(size_bytes, b"\0")
    variants = {API: lambda: api.rate(body, requests), BARE_APP: lambda: bare.rate(body, requests)}
    return measure_variants(variants, turn)


@contextmanager
def upload_api(stack: Stack) -> Iterator[Target]:
    """Serves the upload API over the stack."""
    key = start_upload_api(stack).api_key
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
        ports={"DAGSTER_PORT": port},
        is_ready=lambda: answers_http(f"http://127.0.0.1:{port}/"),
        state=stack.state,
        env=stack.environment(),
    )
    try:
        server.start()
        yield Target(port, "/")
    finally:
        server.stop()


def _send_all(target: Target, body: bytes, requests: int) -> float:
    """Sends in threads; all begin together, after each has received one answer."""
    begin = threading.Barrier(_CLIENTS + 1)
    share = -(-requests // _CLIENTS)
    with ThreadPoolExecutor(_CLIENTS) as threads:
        done = [threads.submit(_send, target, body, share, begin) for _ in range(_CLIENTS)]
        begin.wait(_TIMEOUT_SECONDS)
        started = time.perf_counter()
        for client in done:
            client.result()
        return share * _CLIENTS / (time.perf_counter() - started)


def _send(target: Target, body: bytes, requests: int, begin: threading.Barrier) -> None:
    with closing(HTTPConnection("127.0.0.1", target.port, timeout=_TIMEOUT_SECONDS)) as connection:
        with ExitStack() as failed:
            failed.callback(begin.abort)
            _post(connection, target, body)
            failed.pop_all()
        begin.wait(_TIMEOUT_SECONDS)
        for _ in range(requests):
            _post(connection, target, body)


def _post(connection: HTTPConnection, target: Target, body: bytes) -> None:
    connection.request("POST", target.path, body, dict(target.headers))
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != 201:
        raise MeasurementError(f"An upload was answered with {answer.status}: {content[:300]!r}")
