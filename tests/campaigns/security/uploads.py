"""Whether a sender can stop others from sending, or get what is another's."""

import hashlib
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime
from http.client import HTTPConnection
from typing import Any
from uuid import UUID, uuid4

import requests
from botocore.exceptions import ClientError

from assets.ingestion.upload import api_keys
from assets.ingestion.upload.source import upload_id, upload_key
from tests.campaigns.security.attempt import SECONDS, Attempt, Target
from tests.campaigns.security.means import guest_key, picture, registered, uploader
from tests.upload_client import opened

_IMAGE_BYTES = 10 * 1024 * 1024
_LARGE_BYTES = 8 * 1024 * 1024
_SLOW_BODIES = 26
_GUESSES = 60
_SENDERS = 8
_STALL_SECONDS = 15
_GUESSER = "127.0.0.77"
_UNKNOWN_HOST = "upload.example"


def _answer(connection: socket.socket) -> bytes:
    """Reads until the server closes the connection."""
    said = b""
    with suppress(ConnectionError):
        while piece := connection.recv(65536):
            said += piece
    return said


def _block_others(target: Target) -> Iterator[str]:
    slow, shop = uploader(target), uploader(target)
    large = picture().ljust(_LARGE_BYTES, b"\0")
    if (sent := shop.send(large)).status_code != 201:
        raise AssertionError(f"an image is answered with {sent.status_code}")
    with ExitStack() as trickling:
        for _ in range(_SLOW_BODIES):
            body = trickling.enter_context(slow.begin(f"Content-Length: {_IMAGE_BYTES}"))
            body.sendall(picture()[:100])
        if (sent := shop.send(large)).status_code != 201:
            yield f"{_SLOW_BODIES} slow bodies: another uploader is answered {sent.status_code}"
    with ExitStack() as stalled:
        for _ in range(_SLOW_BODIES):
            body = stalled.enter_context(slow.begin(f"Content-Length: {_IMAGE_BYTES}"))
            with suppress(ConnectionError):  # refused meanwhile
                body.sendall(picture().ljust(_IMAGE_BYTES - 1, b"\0"))
        if (sent := shop.send(large)).status_code != 201:
            yield f"{_SLOW_BODIES} full bodies: another uploader is answered {sent.status_code}"


def _send_endless_headers(target: Target) -> Iterator[str]:
    port, begin = target.stack.ports.upload_api, b"GET /healthz HTTP/1.1\r\n"
    end = b"Connection: close\r\n\r\n"
    host = b"Host: 127.0.0.1\r\n"
    with opened(port, begin + host + end) as good:
        if not _answer(good).startswith(b"HTTP/1.1 200 "):
            raise AssertionError("a plain request is not answered")
    for what, sent, status in (
        ("33 KiB of headers", host + b"X: " + b"x" * 33 * 1024 + b"\r\n", b"431"),
        ("101 fields", host + b"X: y\r\n" * 100, b"431"),
        ("no Host", b"", b"400"),
        ("two Hosts", host + f"Host: {_UNKNOWN_HOST}\r\n".encode(), b"400"),
    ):
        with opened(port, begin + sent + end) as connection:
            if not (said := _answer(connection)).startswith(b"HTTP/1.1 " + status):
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
            if (answers := _answer(made).count(b"HTTP/1.1 ")) != 1:
                yield f"a request within another: {answers} answers"


def _guess_keys(target: Target) -> Iterator[str]:
    shop = uploader(target)
    if shop.get("/v1/images").status_code != 200:
        raise AssertionError("a valid key is refused")
    if 429 not in {_guess(shop.port, api_keys.new_key().text) for _ in range(_GUESSES)}:
        yield f"{_GUESSES} guesses from one address are each looked up"
    if _guess(shop.port, shop.key) != 200:
        yield "guesses lock a valid key of the same address out"


def _guess(port: int, key: str) -> int:
    """Asks from an address of its own, so that the platform's other callers are not affected."""
    connection = HTTPConnection("127.0.0.1", port, SECONDS, source_address=(_GUESSER, 0))
    with closing(connection):
        connection.request("GET", "/v1/images", headers={"Authorization": f"Bearer {key}"})
        return connection.getresponse().status


def _read_metrics(target: Target) -> Iterator[str]:
    private = f"http://127.0.0.1:{target.stack.ports.upload_metrics}/metrics"
    if "darkroom_upload" not in requests.get(private, timeout=SECONDS).text:
        raise AssertionError("there are no metrics")
    if uploader(target).get("/metrics").status_code == 200:
        yield "the public port serves the metrics"


@contextmanager
def _dropper(target: Target) -> Iterator[Any]:
    """Yields the S3 client of somebody who may store objects in the raw bucket and no more."""
    with guest_key(target, "s3:PutObject", f"{target.platform.settings.raw_bucket}/*") as key:
        yield key.client(target, "s3")


def _take_a_key(target: Target) -> Iterator[str]:
    shop, bucket = uploader(target), target.platform.settings.raw_bucket
    with _dropper(target) as s3:
        s3.put_object(Bucket=bucket, Key=f"drop/{uuid4()}", Body=picture())
        for image in (upload_id(shop.name, "invoice-7"), uuid4()):
            key = upload_key(image, datetime.now(UTC))
            try:
                s3.put_object(
                    Bucket=bucket, Key=key, Body=picture(), Metadata={"uploader": shop.name}
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "AccessDenied":
                    raise
            else:
                yield "stored an object where another uploader's image belongs"
    own = picture()
    sent = shop.send(own, Idempotency_Key="invoice-7")
    if sent.status_code == 200:
        yield "the owner's bytes are answered 200 and dropped"
    if sent.status_code == 201:
        key = upload_key(UUID(sent.json()["id"]), datetime.now(UTC))
        stored = target.platform.object_store.get(bucket, key)
        if stored != own:
            yield "the owner's bytes are not those that are stored"


def _name_an_uploader(target: Target) -> Iterator[str]:
    shop, key = uploader(target), f"drop/{datetime.now(UTC):%Y-%m-%d/%H}/{uuid4()}"
    program = target.platform.object_store
    with _dropper(target) as s3:
        s3.put_object(
            Bucket=program.settings.raw_bucket,
            Key=key,
            Body=picture(),
            Metadata={"uploader": shop.name, "signature": "0" * 64},
        )
    unsigned = upload_key(uuid4(), datetime.now(UTC))  # as if the bucket had no policy
    program.put(
        program.settings.raw_bucket, unsigned, picture(), "image/jpeg", {"uploader": shop.name}
    )
    for place, one in (("a drop", key), ("an object among the uploads", unsigned)):
        if any(uploader == shop.name for uploader, _ in registered(target, one)):
            yield f"{place} belongs to the uploader that it names"
    if shop.get("/v1/images").json()["images"]:
        yield "an image of somebody else is in an uploader's list"


def _reuse_a_url(target: Target) -> Iterator[str]:
    shop, store, body = uploader(target), target.platform.object_store, picture()
    wanted = {
        "content_type": "image/jpeg",
        "size_bytes": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    upload = shop.post("/v1/uploads", json=wanted).json()
    other = body[:-1] + bytes([body[-1] ^ 1])
    key = upload_key(UUID(upload["id"]), datetime.now(UTC))
    elsewhere = upload | {"url": upload["url"].replace(upload["id"], str(uuid4()))}
    for what, status in {
        "other bytes": _put(upload, other),
        "more bytes": _put(upload, body + b"x"),
        "another type": _put(upload, body, **{"Content-Type": "text/html"}),
        "another disposition": _put(upload, body, **{"Content-Disposition": "inline"}),
        "another uploader": _put(upload, body, **{"x-amz-meta-uploader": "somebody"}),
        "another condition": _put(upload, body, **{"If-None-Match": '"0"'}),
        "another key": _put(elsewhere, body),
    }.items():
        if status < 400:
            yield f"the URL stores {what}"
    with ThreadPoolExecutor(_SENDERS) as threads:
        statuses = list(threads.map(lambda _: _put(upload, body), range(_SENDERS)))
    if 200 not in statuses:
        raise AssertionError(f"the URL is answered with {statuses}")
    statuses += [_put(upload, body), _put(upload, other)]
    if statuses.count(200) > 1:
        yield f"the URL is answered 200 {statuses.count(200)} times"
    versions = store.page_of_versions(store.settings.raw_bucket, None, None, prefix=key).versions
    if len(versions) > 1:
        yield f"the URL stores {len(versions)} versions"
    if registered(target, key) != [(shop.name, versions[-1].version)]:
        yield "what was sent to the URL later is the image"


def _put(upload: dict[str, Any], body: bytes, **changes: str) -> int:
    headers = upload["headers"] | changes
    return requests.put(upload["url"], body, headers=headers, timeout=SECONDS).status_code


def _serve_a_page(target: Target) -> Iterator[str]:
    shop, store = uploader(target), target.platform.object_store
    sent = shop.send(picture(), Content_Type="text/html", X_Filename="page.html")
    if sent.status_code != 201:
        raise AssertionError(f"an image is answered with {sent.status_code}")
    key = upload_key(UUID(sent.json()["id"]), datetime.now(UTC))
    place = {"Bucket": store.settings.raw_bucket, "Key": key}
    served = requests.get(
        store.s3.generate_presigned_url("get_object", Params=place), timeout=SECONDS
    )
    for name, wanted in (
        ("Content-Type", "image/jpeg"),
        ("Content-Disposition", "attachment"),
        ("X-Content-Type-Options", "nosniff"),
    ):
        if (found := served.headers.get(name)) != wanted:
            yield f"an object is served with {name}: {found}"


ATTEMPTS = (
    Attempt("keep other uploaders from sending, with bodies that do not arrive", _block_others),
    Attempt("send endless headers, or ambiguous hosts", _send_endless_headers),
    Attempt("keep connections with half a request", _keep_half_a_request),
    Attempt("hide a request in the body of another", _smuggle),
    Attempt("guess API keys", _guess_keys),
    Attempt("take the place of another uploader's image", _take_a_key),
    Attempt("put images into another uploader's list", _name_an_uploader),
    Attempt("use the URL of a direct upload for something else, or again", _reuse_a_url),
    Attempt("have a browser show an uploaded file as a page", _serve_a_page),
    Attempt("read the metrics of the upload API on its public port", _read_metrics),
)
