"""Sends files to the topic as a sender of images would: several in flight, each acknowledged.

The image is the message's value, or, with a claim check, an object in the raw bucket that an empty
message names.
"""

import mimetypes
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError

from assets.errors import ItemRefusedError, TopicError
from assets.ingestion.bucket.source import SOURCE
from assets.resources.brokers import connection
from assets.resources.kafka_errors import describe, meaning, translated
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
    """One image to send; its name is also the message's key, which decides its partition."""

    name: str
    body: bytes = field(repr=False)
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class NotSent:
    """A file that was not sent, and why."""

    name: str
    reason: str


def files_in(folder: Path) -> tuple[list[Path], list[NotSent]]:
    """Returns the files of a folder and its subfolders by path, and those that are too large.

    Hidden ones are left out. Raises `TopicError` when the folder does not exist or has no file.
    """
    if not folder.is_dir():
        raise TopicError(f"{folder} is not a folder; name one: darkroom images produce ~/Pictures.")
    small: list[Path] = []
    large: list[NotSent] = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if not path.is_file() or any(part.startswith(".") for part in name.parts):
            continue
        if (size_bytes := path.stat().st_size) <= MAX_IMAGE_BYTES:
            small.append(path)
        else:
            sizes = f"{size_bytes / 2**20:.1f} MiB; an image has at most {MAX_IMAGE_BYTES // 2**20}"
            large.append(NotSent(name.as_posix(), f"{sizes} MiB"))
    if not small and not large:
        raise TopicError(f"The folder {folder} contains no file to send.")
    return small, large


def read_files(
    folder: Path, paths: Iterable[Path], uploader: str | None
) -> Iterator[OutgoingImage]:
    """Reads files one at a time, with headers that describe them."""
    for path in paths:
        name = path.relative_to(folder).as_posix()
        captured_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        headers = (
            ("content-type", mimetypes.guess_type(path.name)[0] or _OCTETS),
            ("filename", name),
            *([("uploader", uploader)] if uploader else []),
            ("captured-at", captured_at.isoformat(timespec="seconds")),
        )
        yield OutgoingImage(name, path.read_bytes(), headers)


def store_as_claim_checks(
    store: ObjectStore, outgoing: Iterable[OutgoingImage], now: datetime
) -> Iterator[OutgoingImage]:
    """Puts images into the raw bucket and returns their claim checks, which are to be sent."""
    for image in outgoing:
        key = f"{SOURCE.hourly_folder}/{now.astimezone(UTC):%Y-%m-%d/%H}/{uuid.uuid4()}"
        content_type = dict(image.headers).get("content-type", _OCTETS)
        store.put(store.settings.raw_bucket, key, image.body, content_type)
        yield OutgoingImage(image.name, b"", (*image.headers, ("s3-key", key)))


def send(
    settings: Settings, outgoing: Iterable[OutgoingImage], done: Callable[[OutgoingImage], None]
) -> list[NotSent]:
    """Sends images, several in flight, and waits until the brokers have acknowledged each.

    Calls `done` with each image that they have acknowledged; returns those that they refused.

    Raises `ServerError` when the brokers do not answer or refuse the sender; images for which
    `done` was not called may or may not have arrived.
    """
    refused: list[NotSent] = []
    in_flight: deque[tuple[OutgoingImage, Any]] = deque()
    with _producer(settings) as producer:

        def begin(image: OutgoingImage) -> None:
            headers = [(key, value.encode(errors="replace")) for key, value in image.headers]
            key, body = image.name.encode(errors="replace"), image.body or None
            future = producer.send(settings.kafka_topic, key=key, value=body, headers=headers)
            in_flight.append((image, future))

        def wait_for_acks(max_images: int, max_bytes: int) -> None:
            """Waits until the images in flight are within both limits, oldest first."""
            while len(in_flight) > max_images or sum(len(i.body) for i, _ in in_flight) > max_bytes:
                image, future = in_flight.popleft()
                try:
                    offset = future.get(timeout=2 * _DELIVERY_MS / 1000).offset
                except KafkaError as error:
                    if meaning(error) is not ItemRefusedError:
                        raise
                    reason = f"the brokers refused it ({describe(error)})"
                    refused.append(NotSent(image.name, reason))
                    continue
                if offset < 0:
                    # The brokers report a duplicate. Tansu also does so for messages that it lost
                    # when it was killed while storing them, so the image is sent again.
                    begin(image)
                else:
                    done(image)

        for image in outgoing:
            wait_for_acks(_MAX_IN_FLIGHT - 1, _MAX_BYTES_IN_FLIGHT - len(image.body))
            begin(image)
        wait_for_acks(0, 0)
    return refused


@contextmanager
def _producer(settings: Settings) -> Iterator[KafkaProducer]:
    with translated(settings.kafka_bootstrap_servers), ExitStack() as on_exit:
        producer = KafkaProducer(
            **connection(settings),
            acks="all",
            allow_auto_create_topics=False,
            max_request_size=_MAX_REQUEST_BYTES,
            bootstrap_timeout_ms=_TIMEOUT_MS,
            max_block_ms=_TIMEOUT_MS,
            request_timeout_ms=_TIMEOUT_MS,
            delivery_timeout_ms=_DELIVERY_MS,
        )
        on_exit.callback(producer.close, timeout=_TIMEOUT_MS / 1000)
        yield producer
