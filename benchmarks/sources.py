"""The three sources as a sender sees them: an HTTP address, a Kafka topic, a bucket."""

import threading
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from types import TracebackType
from typing import Self

import requests
from kafka import KafkaProducer

from assets.resources.object_store import ObjectStore
from assets.settings import Settings

SOURCES = ("upload", "kafka", "bucket")

_CONTENT_TYPE = "image/jpeg"
_MAX_REQUEST_BYTES = 12 * 1024 * 1024
_TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Addresses:
    """Clients of the sources: brokers and buckets from settings, the upload API and its key."""

    settings: Settings
    upload_url: str
    api_key: str = field(repr=False)


class SourceClients:
    """Clients of the three sources, for many threads; opened and closed by a `with` block."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses
        self._store = ObjectStore(addresses.settings)
        self._own = threading.local()

    def __enter__(self) -> Self:
        self._producer = KafkaProducer(
            bootstrap_servers=self._addresses.settings.kafka_bootstrap_servers,
            acks="all",
            max_request_size=_MAX_REQUEST_BYTES,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._producer.close()

    def send(self, source: str, name: str, body: bytes) -> None:
        """Sends a JPEG through a source, and returns when the source has accepted it."""
        match source:
            case "upload":
                self._upload(name, body)
            case "kafka":
                self._produce(name, body)
            case "bucket":
                bucket = self._addresses.settings.raw_bucket
                self._store.put(bucket, f"drop/{name}", body, _CONTENT_TYPE)
            case _:
                raise ValueError(
                    f"There is no source named {source}; there are {', '.join(SOURCES)}."
                )

    def _upload(self, name: str, body: bytes) -> None:
        headers = {
            "Authorization": f"Bearer {self._addresses.api_key}",
            "Content-Type": _CONTENT_TYPE,
            "X-Filename": PurePosixPath(name).name,
        }
        answer = self._session().post(
            self._addresses.upload_url, data=body, headers=headers, timeout=_TIMEOUT_SECONDS
        )
        answer.raise_for_status()

    def _produce(self, name: str, body: bytes) -> None:
        headers = [("content-type", _CONTENT_TYPE.encode()), ("filename", name.encode())]
        self._producer.send(
            self._addresses.settings.kafka_topic, key=name.encode(), value=body, headers=headers
        ).get(timeout=_TIMEOUT_SECONDS)

    def _session(self) -> requests.Session:
        """Returns this thread's own session."""
        if not hasattr(self._own, "session"):
            self._own.session = requests.Session()
        session: requests.Session = self._own.session
        return session
