"""Whether a sender can stop others from sending, or get what is another's."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from uuid import uuid4

import psycopg
import requests

from assets.ingestion.upload import api_keys
from infra.demo.photographs import photographs
from tests.campaigns.security.attempt import SECONDS, Attempt, Target

_IMAGE_BYTES = 10 * 1024 * 1024
_SLOW_BODIES = 26
_GUESSES = 60
_STALL_SECONDS = 15
_UNKNOWN_HOST = "upload.example"


@dataclass(frozen=True)
class Sender:
    """Somebody who has an API key."""

    port: int
    key: str = field(repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """What the API knows her by."""
        return {"Authorization": f"Bearer {self.key}"}

    def ask(self, path: str) -> requests.Response:
        """Asks the API."""
        return requests.get(self._url(path), headers=self.headers, timeout=SECONDS)

    def send(self, body: bytes, **headers: str) -> requests.Response:
        """Sends an image; underscores in the names of headers are hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return requests.post(
            self._url("/v1/images"), body, headers=self.headers | named, timeout=SECONDS
        )

    def begin(self, *headers: str) -> socket.socket:
        """Begins to send an image; the body is the caller's matter."""
        lines = ["POST /v1/images HTTP/1.1", "Host: 127.0.0.1", *headers]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return opened(self.port, "\r\n".join([*lines, "", ""]).encode())

    def _url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"


def sender(target: Target) -> Sender:
    """Returns a new uploader, as the platform team admits one."""
    key = api_keys.new_key()
    with psycopg.connect(target.env["DATABASE_ADMIN_URL"]) as connection:
        api_keys.insert(connection, key, f"uploader-{uuid4().hex[:8]}")
    return Sender(target.stack.ports.upload_api, key.text)


def opened(port: int, sent: bytes) -> socket.socket:
    """Returns a connection on which something was sent."""
    made = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
    made.sendall(sent)
    return made


def answer(connection: socket.socket) -> bytes:
    """Reads until the server closes the connection."""
    said = b""
    with suppress(ConnectionError):
        while piece := connection.recv(65536):
            said += piece
    return said


def picture() -> bytes:
    """Returns a JPEG that nobody sent before."""
    [one] = photographs(1, megapixels=0.1)
    return one.body + uuid4().bytes


def _block_others(target: Target) -> Iterator[str]:
    slow, shop = sender(target), sender(target)
    if (sent := shop.send(picture())).status_code != 201:
        raise AssertionError(f"an image is answered with {sent.status_code}")
    with ExitStack() as trickling:
        for _ in range(_SLOW_BODIES):
            body = trickling.enter_context(slow.begin(f"Content-Length: {_IMAGE_BYTES}"))
            body.sendall(picture()[:100])
        if (sent := shop.send(picture())).status_code != 201:
            yield f"{_SLOW_BODIES} slow bodies: another uploader is answered {sent.status_code}"
    with ExitStack() as stalled:
        for _ in range(_SLOW_BODIES):
            body = stalled.enter_context(slow.begin(f"Content-Length: {_IMAGE_BYTES}"))
            with suppress(ConnectionError):  # refused meanwhile
                body.sendall(picture().ljust(_IMAGE_BYTES - 1, b"\0"))
        if (sent := shop.send(picture())).status_code != 201:
            yield f"{_SLOW_BODIES} full bodies: another uploader is answered {sent.status_code}"


def _send_endless_headers(target: Target) -> Iterator[str]:
    port, begin = target.stack.ports.upload_api, b"GET /healthz HTTP/1.1\r\n"
    end = b"Connection: close\r\n\r\n"
    host = b"Host: 127.0.0.1\r\n"
    with opened(port, begin + host + end) as good:
        if not answer(good).startswith(b"HTTP/1.1 200 "):
            raise AssertionError("a plain request is not answered")
    for what, sent, status in (
        ("33 KiB of headers", host + b"X: " + b"x" * 33 * 1024 + b"\r\n", b"431"),
        ("101 fields", host + b"X: y\r\n" * 100, b"431"),
        ("no Host", b"", b"400"),
        ("two Hosts", host + f"Host: {_UNKNOWN_HOST}\r\n".encode(), b"400"),
    ):
        with opened(port, begin + sent + end) as connection:
            if not (said := answer(connection)).startswith(b"HTTP/1.1 " + status):
                yield f"{what}: {said[:12].decode()} instead of {status.decode()}"


def _keep_half_a_request(target: Target) -> Iterator[str]:
    with opened(target.stack.ports.upload_api, b"GET / HTTP/1.1\r\nHost: x\r\n") as connection:
        connection.settimeout(_STALL_SECONDS)
        try:
            connection.recv(1)
        except TimeoutError:
            yield f"half a request is kept for {_STALL_SECONDS} s"


def _smuggle(target: Target) -> Iterator[str]:
    head = b"POST /v1/uploads HTTP/1.1\r\nHost: x\r\n"
    hidden = b"0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    length, chunked = b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"
    for framing in (length + chunked, chunked + length, length + b"Content-Length: 9\r\n"):
        with opened(target.stack.ports.upload_api, head + framing + b"\r\n" + hidden) as made:
            if (answers := answer(made).count(b"HTTP/1.1 ")) != 1:
                yield f"a request within another: {answers} answers"


def _guess_keys(target: Target) -> Iterator[str]:
    shop = sender(target)
    if shop.ask("/v1/images").status_code != 200:
        raise AssertionError("a valid key is refused")
    statuses = [
        Sender(shop.port, api_keys.new_key().text).ask("/v1/images").status_code
        for _ in range(_GUESSES)
    ]
    if 429 not in statuses:
        yield f"{_GUESSES} guesses from one address are each looked up"
    if shop.ask("/v1/images").status_code != 200:
        yield "guesses lock a valid key of the same address out"


def _read_metrics(target: Target) -> Iterator[str]:
    private = f"http://127.0.0.1:{target.stack.ports.upload_metrics}/metrics"
    if "darkroom_upload" not in requests.get(private, timeout=SECONDS).text:
        raise AssertionError("there are no metrics")
    if sender(target).ask("/metrics").status_code == 200:
        yield "the public port serves the metrics"


ATTEMPTS = (
    Attempt("keep other uploaders from sending, with bodies that do not arrive", _block_others),
    Attempt("send endless headers, or ambiguous hosts", _send_endless_headers),
    Attempt("keep connections with half a request", _keep_half_a_request),
    Attempt("hide a request in the body of another", _smuggle),
    Attempt("guess API keys", _guess_keys),
    Attempt("read the metrics of the upload API on its public port", _read_metrics),
)
