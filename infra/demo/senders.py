"""Sends photographs through the doors that need no web service: raw bucket and Kafka topic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

from kafka import KafkaProducer

from assets.resources.object_store import ObjectStore
from assets.settings import Settings
from infra.demo.photographs import Photograph

_MAX_REQUEST_BYTES = 12 * 1024 * 1024


def drop_into_bucket(
    store: ObjectStore, folder: str, photographs: Sequence[Photograph], sent: Callable[[], None]
) -> None:
    """Puts photographs into the raw bucket under a folder, as anybody could with any S3 program."""
    for photograph in photographs:
        key = str(PurePosixPath(folder, photograph.name))
        store.put(store.settings.raw_bucket, key, photograph.body, photograph.content_type)
        sent()


def produce_to_topic(
    settings: Settings, photographs: Sequence[Photograph], sent: Callable[[], None]
) -> None:
    """Sends photographs to the topic, one message each, and waits until the broker has them all.

    Raises `kafka.errors.KafkaError` when a message is not taken.
    """
    producer = KafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        acks="all",
        max_request_size=_MAX_REQUEST_BYTES,
    )
    try:
        for photograph in photographs:
            producer.send(
                settings.kafka_topic,
                key=photograph.name.encode(),
                value=photograph.body or None,
                headers=_headers(photograph),
            ).get(timeout=30)
            sent()
    finally:
        producer.close()


def _headers(photograph: Photograph) -> list[tuple[str, bytes]]:
    """A broken file comes without headers too: they are optional."""
    if photograph.expected_reason:
        return []
    return [
        ("content-type", photograph.content_type.encode()),
        ("filename", photograph.name.encode()),
        ("uploader", b"demo"),
    ]
