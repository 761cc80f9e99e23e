"""The Kafka landing: messages per second beside bare loops over the same topic, and its memory.

Every round has a topic of its own, and so keys of its own: each put creates an object. What a
broker and a store can do on this machine is the same for all variants.

A bare loop is a Kafka consumer and eight threads that put objects. It keeps no ledger and no
offsets, checks nothing, and holds the whole backlog in memory if putting is slower than reading:
what anyone would write first, and the most that a landing can reach.
"""

import random
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from itertools import chain

from kafka import KafkaConsumer, TopicPartition

from assets.ingestion.kafka.landing import Landing
from assets.ingestion.kafka.producer import OutgoingImage, send
from assets.platform import Platform
from assets.resources.brokers import connection
from assets.resources.object_store import ObjectStore, open_client
from assets.resources.warehouse import read_value
from assets.settings import Settings
from assets.timing import utc_now
from benchmarks.rounds import measure_variants
from benchmarks.runs import LandingRun, waiting_run
from infra.kafka.topics import provision_topic
from infra.local.stack import Stack
from infra.report import MeasurementError

LANDING, PUT_OBJECT_LOOP, OBSTORE_LOOP = "landing", "put_object loop", "obstore loop"

_CONTENT_TYPE = "application/octet-stream"
_LAST_OFFSETS_AT = "select max(updated_at) from image_catalog.kafka_offset where topic = %s"
_THREADS = 8
_MAX_MESSAGE_BYTES = 12 * 1024 * 1024
_SILENT_POLLS = 30


def measure_landing(
    settings: Settings, size_bytes: int, messages: int, turn: int
) -> dict[str, float]:
    """Fills a topic and empties it with each variant; returns messages per second."""
    own = fill_dedicated_topic(settings, size_bytes, messages)
    store, s3 = ObjectStore(own), open_client("s3", own)
    queue = store.sqs.get_queue_url(QueueName=own.raw_events_queue)
    store.sqs.purge_queue(QueueUrl=queue["QueueUrl"])

    def put_object(name: str, body: bytes) -> None:
        key = f"boto3/{own.kafka_topic}/{name}"
        s3.put_object(Bucket=own.raw_bucket, Key=key, Body=body, ContentType=_CONTENT_TYPE)

    def put_by_obstore(name: str, body: bytes) -> None:
        store.put(own.raw_bucket, f"obstore/{own.kafka_topic}/{name}", body, _CONTENT_TYPE)

    variants = {
        LANDING: lambda: _landing_rate(own, messages),
        PUT_OBJECT_LOOP: lambda: _loop_rate(own, messages, put_object),
        OBSTORE_LOOP: lambda: _loop_rate(own, messages, put_by_obstore),
    }
    return measure_variants(variants, turn)


def measure_memory(stack: Stack, size_bytes: int, messages: int) -> LandingRun:
    """Fills a topic of its own with messages and lands it in a process of its own.

    Raises `MeasurementError` when the run failed, or landed another number of messages.
    """
    own = fill_dedicated_topic(stack.settings(), size_bytes, messages)
    names = {
        "KAFKA_TOPIC": own.kafka_topic,
        "KAFKA_GROUP": own.kafka_group,
        "RUN_LINGER_SECONDS": str(own.run_linger_seconds),
    }
    with waiting_run(LandingRun, {**stack.environment(), **names}) as execute:
        used = execute()
    _expect(messages, used.messages)
    return used


def fill_dedicated_topic(settings: Settings, size_bytes: int, messages: int) -> Settings:
    """Creates a topic with as many messages of random bytes; returns the settings that name it."""
    name = f"bench-{uuid.uuid4().hex[:8]}"
    own = settings.model_copy(
        update={"kafka_topic": name, "kafka_group": name, "run_linger_seconds": 1.0}
    )
    provision_topic(own)
    body = random.Random(0).randbytes(size_bytes)  # noqa: S311 - sizes matter, not secrets
    outgoing = (OutgoingImage(str(number), body) for number in range(messages))
    if refused := send(own, outgoing, lambda _: None):
        raise MeasurementError(f"A message was not sent: {refused[0].reason}.")
    return own


def land(platform: Platform) -> int:
    """Lands a topic; returns how many images became known."""
    return Landing(platform).run().new_images


def _landing_rate(settings: Settings, messages: int) -> float:
    """Lands the topic; counts until the last offsets are written, not until the run has idled."""
    platform, started_at = Platform.from_settings(settings), utc_now()
    _expect(messages, land(platform))
    with platform.warehouse.connect() as connection:
        ended_at: datetime = read_value(connection, _LAST_OFFSETS_AT, [settings.kafka_topic])
    return messages / (ended_at - started_at).total_seconds()


def _expect(messages: int, landed: int) -> None:
    if landed != messages:
        raise MeasurementError(f"{landed} of {messages} messages were landed.")


def _loop_rate(settings: Settings, messages: int, put: Callable[[str, bytes], object]) -> float:
    """Reads a whole topic from its beginning and puts the value of every message.

    Raises `MeasurementError` when no message came for half a minute.
    """
    started = time.perf_counter()
    puts: list[Future[object]] = []
    consumer, silent = _consumer(settings), 0
    try:
        with ThreadPoolExecutor(_THREADS) as threads:
            while len(puts) < messages and silent < _SILENT_POLLS:
                polled = consumer.poll(timeout_ms=1000)
                silent = 0 if polled else silent + 1
                for record in chain.from_iterable(polled.values()):
                    name = f"{record.partition}-{record.offset}"
                    puts.append(threads.submit(put, name, record.value))
    finally:
        consumer.close(autocommit=False)
    for done in puts:
        done.result()
    if len(puts) != messages:
        raise MeasurementError(
            f"The topic returned {len(puts)} of {messages} messages; see the log of the broker."
        )
    return messages / (time.perf_counter() - started)


def _consumer(settings: Settings) -> KafkaConsumer:
    """Opens a consumer with the client settings of the landing, at the beginning of the topic."""
    consumer = KafkaConsumer(
        **connection(settings),
        enable_auto_commit=False,
        isolation_level="read_committed",
        fetch_max_bytes=settings.kafka_chunk_bytes,
        max_partition_fetch_bytes=_MAX_MESSAGE_BYTES,
        max_poll_records=1000,
    )
    numbers = consumer.partitions_for_topic(settings.kafka_topic) or ()
    partitions = [TopicPartition(settings.kafka_topic, number) for number in sorted(numbers)]
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    return consumer
