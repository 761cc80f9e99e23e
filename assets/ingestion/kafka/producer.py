"""Files sent to the topic as a sender of images would: several under way, each confirmed.

The image is the message's value, or, as a claim check, an object in the raw bucket that an empty
message names.
"""

from __future__ import annotations

import mimetypes
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError, RetriableError

from assets.errors import ServerUnavailableError, TopicError
from assets.resources.object_store import ObjectStore
from assets.settings import Settings
from assets.validation.headers import MAX_IMAGE_BYTES

_MAX_REQUEST_BYTES = 12 * 1024 * 1024
_MAX_IN_FLIGHT = 64
_MAX_BYTES_IN_FLIGHT = 32 * 1024 * 1024
_TIMEOUT_MS = 15_000
_DELIVERY_MS = 60_000
_OCTETS = "application/octet-stream"


@dataclass(frozen=True)
class OutgoingImage:
    """One image to send; every header is optional.

    Attributes:
        name: Which file it is; also the key that decides its partition.
        body: Its bytes.
        headers: Name and value, as they go into the message.
    """

    name: str
    body: bytes = field(repr=False)
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class NotSent:
    """A file that the brokers do not have, and why."""

    name: str
    reason: str


def files_in(folder: Path) -> tuple[list[Path], list[NotSent]]:
    """Finds the files of a folder and its subfolders, hidden ones left out.

    Returns:
        Those to send in the order of their paths, and those that are too large for the platform.

    Raises:
        TopicError: there is no such folder, or no file in it.
    """
    if not folder.is_dir():
        raise TopicError(f"{folder} is no folder; name one: make produce DIR=~/Pictures.")
    small: list[Path] = []
    large: list[NotSent] = []
    for path in sorted(path for path in folder.rglob("*") if _is_visible_file(path, folder)):
        size_bytes = path.stat().st_size
        if size_bytes <= MAX_IMAGE_BYTES:
            small.append(path)
        else:
            large.append(NotSent(path.relative_to(folder).as_posix(), _too_large(size_bytes)))
    if not small and not large:
        raise TopicError(f"The folder {folder} holds no file to send.")
    return small, large


def read_files(
    folder: Path, paths: Iterable[Path], uploader: str | None
) -> Iterator[OutgoingImage]:
    """Reads files one by one as they are taken, with headers that tell what is known of them."""
    for path in paths:
        name = path.relative_to(folder).as_posix()
        captured_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        told = {
            "content-type": mimetypes.guess_type(path.name)[0] or _OCTETS,
            "filename": name,
            "uploader": uploader,
            "captured-at": captured_at.isoformat(timespec="seconds"),
        }
        headers = tuple((key, value) for key, value in told.items() if value)
        yield OutgoingImage(name, path.read_bytes(), headers)


def store_as_claim_checks(
    store: ObjectStore, outgoing: Iterable[OutgoingImage], now: datetime
) -> Iterator[OutgoingImage]:
    """Puts images into the raw bucket; what is left to send are their claim checks."""
    for image in outgoing:
        key = f"drop/{now.astimezone(UTC):%Y-%m-%d/%H}/{uuid.uuid4()}"
        content_type = dict(image.headers).get("content-type", _OCTETS)
        store.put(store.settings.raw_bucket, key, image.body, content_type)
        yield OutgoingImage(image.name, b"", (*image.headers, ("s3-key", key)))


def send(
    settings: Settings, outgoing: Iterable[OutgoingImage], done: Callable[[OutgoingImage], None]
) -> list[NotSent]:
    """Sends images, several under way, and waits until the brokers have each of them.

    Args:
        settings: Where the brokers are, and the topic.
        outgoing: What to send; taken as there is room.
        done: Called with each image that the brokers have.

    Returns:
        Those that the brokers refused.

    Raises:
        ServerUnavailableError: the brokers do not answer; those that `done` was not called with may
            have arrived or not.
    """
    with _producer(settings) as producer:
        sender = _Sender(producer, settings.kafka_topic, done)
        for image in outgoing:
            sender.wait_for_acks(_MAX_IN_FLIGHT - 1, _MAX_BYTES_IN_FLIGHT - len(image.body))
            sender.begin(image)
        sender.wait_for_acks(0, 0)
    return sender.refused


class _Sender:
    """Images under way to the brokers, settled in the order in which they were begun."""

    def __init__(
        self, producer: KafkaProducer, topic: str, done: Callable[[OutgoingImage], None]
    ) -> None:
        self.refused: list[NotSent] = []
        self._producer, self._topic, self._done = producer, topic, done
        self._under_way: deque[tuple[OutgoingImage, Any]] = deque()

    def begin(self, image: OutgoingImage) -> None:
        """Gives an image to the client, which sends it by and by."""
        headers = [(key, value.encode(errors="replace")) for key, value in image.headers]
        key = image.name.encode(errors="replace")
        body = image.body or None
        future = self._producer.send(self._topic, key=key, value=body, headers=headers)
        self._under_way.append((image, future))

    def wait_for_acks(self, most: int, max_bytes: int) -> None:
        """Waits until no more than so many images, of so many bytes, are under way."""
        while len(self._under_way) > most or self._bytes_under_way() > max_bytes:
            image, future = self._under_way.popleft()
            try:
                offset = future.get(timeout=2 * _DELIVERY_MS / 1000).offset
            except RetriableError:
                raise
            except KafkaError as error:
                self.refused.append(NotSent(image.name, f"the brokers refuse it ({error})"))
                continue
            if offset < 0:
                # Said to be a repetition of what the brokers have. Tansu says so, too, of what it
                # lost when it was killed while it stored it; so the image goes once more.
                self.begin(image)
            else:
                self._done(image)

    def _bytes_under_way(self) -> int:
        return sum(len(image.body) for image, _ in self._under_way)


@contextmanager
def _producer(settings: Settings) -> Iterator[KafkaProducer]:
    servers = settings.kafka_bootstrap_servers
    try:
        producer = KafkaProducer(
            bootstrap_servers=servers,
            acks="all",
            allow_auto_create_topics=False,
            max_request_size=_MAX_REQUEST_BYTES,
            bootstrap_timeout_ms=_TIMEOUT_MS,
            max_block_ms=_TIMEOUT_MS,
            request_timeout_ms=_TIMEOUT_MS,
            delivery_timeout_ms=_DELIVERY_MS,
        )
        try:
            yield producer
        finally:
            producer.close(timeout=_TIMEOUT_MS / 1000)
    except KafkaError as error:
        raise ServerUnavailableError("Kafka", servers, type(error).__name__) from error


def _is_visible_file(path: Path, folder: Path) -> bool:
    is_hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return path.is_file() and not is_hidden


def _too_large(size_bytes: int) -> str:
    return f"{size_bytes / 2**20:.1f} MiB; an image has at most {MAX_IMAGE_BYTES // 2**20} MiB"
