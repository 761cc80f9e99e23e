"""The Kafka landing: messages per second beside bare loops over the same topic, and its memory.

Every round has a topic of its own, and so keys of its own: each put creates an object. What a
broker and a store can do on this machine is the same for all variants.
"""

import random
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from assets.ingestion.kafka.landing import Landing
from assets.ingestion.kafka.producer import OutgoingImage, send
from assets.platform import Platform
from assets.resources.object_store import ObjectStore, open_client
from assets.resources.warehouse import read_value
from assets.settings import Settings
from assets.timing import utc_now
from benchmarks.baseline_consumer import copy_topic
from benchmarks.processes import run_module
from benchmarks.rounds import measure_variants
from infra.kafka.topics import provision_topic
from infra.report import MeasurementError

LANDING, PUT_OBJECT_LOOP, OBSTORE_LOOP = "landing", "put_object loop", "obstore loop"

_CONTENT_TYPE = "application/octet-stream"
_LAST_OFFSETS_AT = "select max(updated_at) from image_catalog.kafka_offset where topic = %s"


@dataclass(frozen=True)
class MemoryUse:
    """Resident size of one landing run's process, before it begins and at most."""

    messages: int
    idle_bytes: int
    peak_bytes: int


def measure_landing(
    settings: Settings, size_bytes: int, messages: int, turn: int
) -> dict[str, float]:
    """Fills a topic and empties it with each variant; returns messages per second."""
    own = fill_dedicated_topic(settings, size_bytes, messages)
    store, s3 = ObjectStore(own), open_client("s3", own)
    store.sqs.purge_queue(
        QueueUrl=store.sqs.get_queue_url(QueueName=own.raw_events_queue)["QueueUrl"]
    )

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


def measure_memory(
    settings: Settings, env: Mapping[str, str], size_bytes: int, messages: int
) -> MemoryUse:
    """Fills a topic of its own with messages and lands it in a process of its own.

    Raises `MeasurementError` when the run failed, or landed another number of messages.
    """
    own = fill_dedicated_topic(settings, size_bytes, messages)
    names = {
        "KAFKA_TOPIC": own.kafka_topic,
        "KAFKA_GROUP": own.kafka_group,
        "RUN_LINGER_SECONDS": str(own.run_linger_seconds),
    }
    used = run_module("benchmarks.landing_run", {**env, **names}, MemoryUse)
    _expect(messages, used.messages)
    return used


def fill_dedicated_topic(settings: Settings, size_bytes: int, messages: int) -> Settings:
    """Creates a topic with as many messages of random bytes; returns the settings that name it."""
    token = uuid.uuid4().hex[:8]
    own = settings.model_copy(
        update={
            "kafka_topic": f"bench-{token}",
            "kafka_group": f"bench-{token}",
            "run_linger_seconds": 1.0,
        }
    )
    provision_topic(own.kafka_bootstrap_servers, own.kafka_topic)
    body = random.Random(0).randbytes(size_bytes)  # noqa: S311 - sizes matter, not secrets
    outgoing = (OutgoingImage(str(number), body) for number in range(messages))
    if refused := send(own, outgoing, lambda _: None):
        raise MeasurementError(f"A message was not sent: {refused[0].reason}.")
    return own


def _landing_rate(settings: Settings, messages: int) -> float:
    """Lands the topic; counts until the last offsets are written, not until the run has idled."""
    platform, started_at = Platform.from_settings(settings), utc_now()
    landed = land(platform)
    _expect(messages, landed)
    with platform.warehouse.connect() as connection:
        ended_at: datetime = read_value(connection, _LAST_OFFSETS_AT, [settings.kafka_topic])
    return messages / (ended_at - started_at).total_seconds()


def land(platform: Platform) -> int:
    """Lands a topic; returns how many images became known."""
    return Landing(platform).run().new_images


def _loop_rate(settings: Settings, messages: int, put: Callable[[str, bytes], object]) -> float:
    started = time.perf_counter()
    copy_topic(settings, messages, put)
    return messages / (time.perf_counter() - started)


def _expect(messages: int, landed: int) -> None:
    if landed != messages:
        raise MeasurementError(f"{landed} of {messages} messages were landed.")
