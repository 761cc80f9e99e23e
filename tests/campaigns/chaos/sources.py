"""Clients of the three sources: each sends an image and waits for its acknowledgement."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

import requests
from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError

from assets.errors import ServerError
from assets.resources.object_store import ObjectStore
from assets.settings import Settings
from tests.campaigns.chaos.pictures import Submission

FOLDER = "chaos"
"""Where the sender of the source `bucket` drops its images."""

_MAX_REQUEST_BYTES = 12 * 1024 * 1024
_DELIVERY_SECONDS = 60
_ANSWER_SECONDS = 15
_ACCEPTED_STATUSES = {200, 201, 202}
_RETRYABLE_STATUSES = {408, 429, 500, 502, 503, 504}


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
    """

    settings: Settings
    upload_url: str
    api_key: str = field(repr=False)


class SourceClient(Protocol):
    """A client of one source, used by one thread."""

    def send(self, submission: Submission) -> None:
        """Returns when the source has acknowledged the image.

        Raises `NoAcknowledgementError` when it is unknown whether the source has the image, and
        `RefusedError` when the source will never accept it.
        """

    def close(self) -> None:
        """Closes connections."""


class KafkaSourceClient:
    """An idempotent producer that requires acknowledgements of all replicas."""

    def __init__(self, addresses: Addresses) -> None:
        self._topic = addresses.settings.kafka_topic
        try:
            self._producer = KafkaProducer(
                bootstrap_servers=addresses.settings.kafka_bootstrap_servers,
                acks="all",
                enable_idempotence=True,
                max_request_size=_MAX_REQUEST_BYTES,
                request_timeout_ms=_ANSWER_SECONDS * 1000,
                delivery_timeout_ms=_DELIVERY_SECONDS * 1000,
                max_block_ms=_ANSWER_SECONDS * 1000,
                reconnect_backoff_max_ms=1000,
            )
        except (KafkaError, OSError) as error:
            raise NoAcknowledgementError(type(error).__name__) from error

    def send(self, submission: Submission) -> None:
        """Sends one message."""
        headers = [
            ("content-type", submission.content_type.encode()),
            ("filename", submission.image.name.encode()),
        ]
        key = submission.image.name.encode()
        try:
            sent = self._producer.send(self._topic, key=key, value=submission.body, headers=headers)
            offset = sent.get(timeout=_DELIVERY_SECONDS + _ANSWER_SECONDS).offset
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


class BucketSourceClient:
    """Puts objects under keys of their own, as any S3 client does."""

    def __init__(self, addresses: Addresses) -> None:
        self._store = ObjectStore(addresses.settings)
        self._bucket = addresses.settings.raw_bucket

    def send(self, submission: Submission) -> None:
        """Puts one object."""
        key = f"{FOLDER}/{submission.image.name}"
        try:
            self._store.put(self._bucket, key, submission.body, submission.content_type)
        except ServerError as error:
            raise NoAcknowledgementError(str(error)) from error

    def close(self) -> None:
        """Does nothing: the connections end with this object."""


class UploadSourceClient:
    """Posts to the upload API; an idempotency key makes one image of all attempts."""

    def __init__(self, addresses: Addresses) -> None:
        self._url = addresses.upload_url
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {addresses.api_key}"

    def send(self, submission: Submission) -> None:
        """Posts one image."""
        headers = {
            "Content-Type": submission.content_type,
            "X-Filename": submission.image.name,
            "Idempotency-Key": submission.image.name,
        }
        try:
            answer = self._session.post(
                self._url, data=submission.body, headers=headers, timeout=_ANSWER_SECONDS
            )
        except requests.RequestException as error:
            raise NoAcknowledgementError(type(error).__name__) from error
        if answer.status_code in _RETRYABLE_STATUSES:
            raise NoAcknowledgementError(f"status {answer.status_code}")
        if answer.status_code not in _ACCEPTED_STATUSES:
            raise RefusedError(
                f"The upload API refuses an image of the campaign with status "
                f"{answer.status_code}: {answer.text[:200]}"
            )

    def close(self) -> None:
        """Closes the connection."""
        self._session.close()


SOURCE_CLIENTS: Mapping[str, Callable[[Addresses], SourceClient]] = {
    "kafka": KafkaSourceClient,
    "bucket": BucketSourceClient,
    "upload": UploadSourceClient,
}
