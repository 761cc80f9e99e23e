"""Sends photographs through the sources that need no web service: raw bucket and Kafka topic."""

from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

from assets.errors import TopicError
from assets.ingestion.kafka.producer import OutgoingImage, send
from assets.resources.object_store import ObjectStore
from assets.settings import Settings
from infra.demo.photographs import Photograph


def drop_into_bucket(
    store: ObjectStore, folder: str, photographs: Sequence[Photograph], sent: Callable[[], None]
) -> None:
    """Puts photographs into the raw bucket under a folder, as any S3 program could."""
    for photograph in photographs:
        key = str(PurePosixPath(folder, photograph.name))
        store.put(store.settings.raw_bucket, key, photograph.body, photograph.content_type)
        sent()


def produce_to_topic(
    settings: Settings, photographs: Sequence[Photograph], sent: Callable[[], None]
) -> None:
    """Sends photographs to the topic, one message each, and waits until the broker has them all.

    Raises `ServerUnavailableError` when the broker does not answer, `TopicError` when it
    refuses one.
    """
    outgoing = (OutgoingImage(one.name, one.body, _headers(one)) for one in photographs)
    if refused := send(settings, outgoing, lambda _: sent()):
        raise TopicError(f"{refused[0].name} was not sent: {refused[0].reason}.")


def _headers(photograph: Photograph) -> tuple[tuple[str, str], ...]:
    """Returns no headers for a broken file: they are optional."""
    if photograph.expected_reason:
        return ()
    return (
        ("content-type", photograph.content_type),
        ("filename", photograph.name),
        ("uploader", "demo"),
    )
