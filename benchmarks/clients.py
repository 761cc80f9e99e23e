"""HTTP clients that send one body repeatedly, each on a connection of its own."""

import multiprocessing
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from http.client import HTTPConnection

from infra.report import MeasurementError

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


def request_rate(target: Target, body: bytes, requests: int, clients: int) -> float:
    """Sends from a process of its own; returns requests per second.

    Raises `MeasurementError` when an answer was not 201.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_send_all, target, body, requests, clients).result()


def _send_all(target: Target, body: bytes, requests: int, clients: int) -> float:
    """Sends in threads; all begin together, after each has received one answer."""
    begin = threading.Barrier(clients + 1)
    share = -(-requests // clients)
    with ThreadPoolExecutor(clients) as threads:
        done = [threads.submit(_send, target, body, share, begin) for _ in range(clients)]
        begin.wait(_TIMEOUT_SECONDS)
        started = time.perf_counter()
        for client in done:
            client.result()
        return share * clients / (time.perf_counter() - started)


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
