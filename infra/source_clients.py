"""Clients of the ingestion sources: each sends an image and waits for its acknowledgement.

Any thread may use a client.
"""

import threading
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import requests
from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError

from assets.errors import ServerError
from assets.ingestion.upload import api_keys
from assets.resources.brokers import connection
from assets.resources.object_store import ObjectStore
from assets.resources.warehouse import Warehouse
from assets.settings import Settings
from infra.local.stack import Stack

_MAX_REQUEST_BYTES = 12 * 1024 * 1024
_DELIVERY_SECONDS = 60
_ACCEPTED_STATUSES = {200, 201, 202}
_RETRYABLE_STATUSES = {408, 429, 500, 502, 503, 504, 507}
_JPEG_START, _JPEG_COMMENT = b"\xff\xd8", b"\xff\xfe"
_PNG_START, _PNG_HEADER_ENDS = b"\x89PNG\r\n\x1a\n", 33


class NoAcknowledgementError(Exception):
    """The source has not said whether it has the image."""


class RefusedError(Exception):
    """The source refuses an image that it should accept; a retry would not help."""


@dataclass(frozen=True)
class Addresses:
    """Where the sources are.

    Attributes:
        settings: Brokers, topic, object store and bucket.
        upload_url: The upload API's address for images.
        folder: Folder of the raw bucket for images of the source `bucket`.
        answer_seconds: How long to wait for an answer.
    """

    settings: Settings
    upload_url: str
    api_key: str = field(repr=False)
    folder: str
    answer_seconds: int

    @staticmethod
    def of(stack: Stack, uploader: str, folder: str, answer_seconds: int) -> "Addresses":
        """Issues a key of the upload API to an uploader; returns where the sources are."""
        with Warehouse(stack.environment()["DATABASE_ADMIN_URL"]).connect() as admin:
            key = api_keys.issue(admin, uploader)
        url = f"http://127.0.0.1:{stack.ports.upload_api}/v1/images"
        return Addresses(stack.settings(), url, key.text, folder, answer_seconds)


class SourceClient(ABC):
    """A client of one source."""

    @abstractmethod
    def send(self, name: str, body: bytes, content_type: str) -> None:
        """Returns when the source has acknowledged the image.

        Args:
            name: Differs from that of every other image.

        Raises `NoAcknowledgementError` when it is unknown whether the source has the image, and
        `RefusedError` when the source will never accept it.
        """

    @abstractmethod
    def close(self) -> None:
        """Closes connections."""


class KafkaSourceClient(SourceClient):
    """An idempotent producer that requires acknowledgements of all replicas."""

    def __init__(self, addresses: Addresses) -> None:
        self._topic = addresses.settings.kafka_topic
        self._seconds = _DELIVERY_SECONDS + addresses.answer_seconds
        try:
            self._producer = KafkaProducer(
                **connection(addresses.settings),
                acks="all",
                enable_idempotence=True,
                max_request_size=_MAX_REQUEST_BYTES,
                request_timeout_ms=addresses.answer_seconds * 1000,
                delivery_timeout_ms=_DELIVERY_SECONDS * 1000,
                max_block_ms=addresses.answer_seconds * 1000,
                reconnect_backoff_max_ms=1000,
            )
        except (KafkaError, OSError) as error:
            raise NoAcknowledgementError(type(error).__name__) from error

    def send(self, name: str, body: bytes, content_type: str) -> None:
        """Sends one message."""
        key, headers = name.encode(), [("content-type", content_type.encode())]
        headers.append(("filename", key))
        try:
            sent = self._producer.send(self._topic, key=key, value=body, headers=headers)
            offset = sent.get(timeout=self._seconds).offset
        except (KafkaError, OSError) as error:
            raise NoAcknowledgementError(type(error).__name__) from error
        if offset < 0:
            # It is said to be a duplicate. Tansu also says so if it was killed while storing it.
            raise NoAcknowledgementError("the brokers return no offset")

    def close(self) -> None:
        """Drops undelivered messages, which count as unknown."""
        # It would wait for them; its thread ends when they have expired.
        with suppress(KafkaTimeoutError):
            self._producer.close(timeout=1)


class BucketSourceClient(SourceClient):
    """Puts objects under keys of their own, as any S3 client does."""

    def __init__(self, addresses: Addresses) -> None:
        self._store, self._folder = ObjectStore(addresses.settings), addresses.folder

    def send(self, name: str, body: bytes, content_type: str) -> None:
        """Puts one object."""
        bucket = self._store.settings.raw_bucket
        try:
            self._store.put(bucket, f"{self._folder}/{name}", body, content_type)
        except ServerError as error:
            raise NoAcknowledgementError(str(error)) from error

    def close(self) -> None:
        """Does nothing: the connections end with this object."""


class _Own(threading.local):
    def __init__(self) -> None:
        self.session = requests.Session()


class UploadSourceClient(SourceClient):
    """Posts to the upload API; an idempotency key makes one image of all attempts."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses, self._own = addresses, _Own()

    def send(self, name: str, body: bytes, content_type: str) -> None:
        """Posts one image."""
        headers = {
            "Authorization": f"Bearer {self._addresses.api_key}",
            "Content-Type": content_type,
            "X-Filename": PurePosixPath(name).name,
            "Idempotency-Key": name,
        }
        url, seconds = self._addresses.upload_url, self._addresses.answer_seconds
        try:
            answer = self._own.session.post(url, data=body, headers=headers, timeout=seconds)
        except requests.RequestException as error:
            raise NoAcknowledgementError(type(error).__name__) from error
        if answer.status_code in _RETRYABLE_STATUSES:
            raise NoAcknowledgementError(f"status {answer.status_code}")
        if answer.status_code not in _ACCEPTED_STATUSES:
            raise RefusedError(
                f"The upload API refuses {name} with status {answer.status_code}: "
                f"{answer.text[:200]}"
            )

    def close(self) -> None:
        """Closes this thread's connection."""
        self._own.session.close()


SOURCE_CLIENTS: Mapping[str, Callable[[Addresses], SourceClient]] = {
    "kafka": KafkaSourceClient,
    "bucket": BucketSourceClient,
    "upload": UploadSourceClient,
}
"""By the name of the source: what campaigns and benchmarks send through."""


def make_unique(body: bytes, token: bytes) -> bytes:
    """Returns a file with a token in it, in a place that no decoder shows: a comment.

    Source: ITU-T T.81, B.2.4.5: a COM segment may stand before the frame; its length counts itself.
    """
    if body.startswith(_JPEG_START):
        comment = _JPEG_COMMENT + (len(token) + 2).to_bytes(2, "big") + token
        return _JPEG_START + comment + body[len(_JPEG_START) :]
    if body.startswith(_PNG_START):
        text = b"tEXt" + b"Comment\0" + token.hex().encode()
        chunk = (len(text) - 4).to_bytes(4, "big") + text + zlib.crc32(text).to_bytes(4, "big")
        return body[:_PNG_HEADER_ENDS] + chunk + body[_PNG_HEADER_ENDS:]
    return body + token
