"""Short ways to fill a topic, to lose messages of it, and to look at what has been landed."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

from kafka import KafkaAdminClient, KafkaProducer

from assets.ingestion.kafka.landing import Landed
from assets.resources.event_log import EventLog
from infra.kafka.topics import provision_topic
from infra.local.servers import KAFKA_BUCKET
from tests.integration.conftest import Platform

MEBIBYTE = 2**20


def with_settings(platform: Platform, **changes: object) -> Platform:
    settings = platform.settings.model_copy(update=changes)
    return replace(platform, settings=settings, event_log=EventLog(settings))


def images(count: int, name: str = "image") -> list[bytes]:
    return [f"{name} {number}".encode() for number in range(count)]


def fill(
    platform: Platform,
    partition: int,
    bodies: Sequence[bytes | None],
    headers: Sequence[tuple[str, bytes]] = (),
) -> None:
    """Sends messages to one partition, each a batch of its own."""
    producer = KafkaProducer(
        bootstrap_servers=platform.settings.kafka_bootstrap_servers,
        max_request_size=12 * MEBIBYTE,
    )
    for body in bodies:
        producer.send(
            platform.settings.kafka_topic,
            key=b"key",
            value=body,
            partition=partition,
            headers=list(headers),
        ).get(timeout=30)
    producer.close()


def fill_compressed(platform: Platform, codec: str, bodies: Sequence[bytes]) -> None:
    """Sends messages to the first partition in batches that a codec compresses."""
    producer = KafkaProducer(
        bootstrap_servers=platform.settings.kafka_bootstrap_servers,
        compression_type=codec,
        linger_ms=200,
    )
    for body in bodies:
        producer.send(platform.settings.kafka_topic, value=body, partition=0)
    producer.close()


def delete_topic(platform: Platform) -> None:
    admin = KafkaAdminClient(bootstrap_servers=platform.settings.kafka_bootstrap_servers)
    admin.delete_topics([platform.settings.kafka_topic])
    admin.close()


def recreate_topic(platform: Platform) -> None:
    delete_topic(platform)
    provision_topic(platform.settings)


def lose(platform: Platform, partition: int, offset: int) -> tuple[str, bytes]:
    """Takes a batch out of the embedded broker's own storage; returns its place and bytes."""
    topic = platform.settings.kafka_topic
    key = f"clusters/darkroom/topics/{topic}/partitions/{partition:010}/records/{offset:020}.batch"
    body = platform.object_store.s3.get_object(Bucket=KAFKA_BUCKET, Key=key)["Body"].read()
    platform.object_store.s3.delete_object(Bucket=KAFKA_BUCKET, Key=key)
    return key, body


def put_back(platform: Platform, lost: tuple[str, bytes]) -> None:
    key, body = lost
    platform.object_store.s3.put_object(Bucket=KAFKA_BUCKET, Key=key, Body=body)


@contextmanager
def landing_meanwhile(platform: Platform) -> Iterator[Future[Landed]]:
    """Lands in the background; the end of the block waits for it."""
    with ThreadPoolExecutor(1) as background:
        yield background.submit(platform.land)


def next_offsets(platform: Platform) -> dict[int, int]:
    rows = platform.query("select partition_no, next_offset from image_catalog.kafka_offset")
    return dict(rows)


def gaps_of(platform: Platform) -> list[tuple]:
    return platform.query(
        """
        select incarnation, partition_no, first_offset, next_offset, reason_code
        from image_catalog.kafka_gap
        order by gap_id
        """
    )


def origins(platform: Platform) -> set[str]:
    """What has been landed, without the name of the topic."""
    topic = platform.settings.kafka_topic
    rows = platform.query("select origin from image_catalog.image where source = 'kafka'")
    return {origin.removeprefix(topic).lstrip("/") for (origin,) in rows}


def bodies_landed(platform: Platform) -> set[bytes]:
    rows = platform.query(
        "select object_key, object_version from image_catalog.image where state = 'waiting'"
    )
    bucket = platform.settings.raw_bucket
    return {platform.object_store.get(bucket, key, version) for key, version in rows}
