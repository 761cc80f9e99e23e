"""Messages per second of the landing, beside bare loops over the same topic.

Every round has a topic of its own, and so keys of its own: each put is a new object. What a broker
and a store can do on this machine is the same for all three.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable
from datetime import datetime

import click
from psycopg.rows import scalar_row

from assets.ingestion.kafka.landing import Landing
from assets.ingestion.kafka.producer import OutgoingImage, send
from assets.resources.event_log import EventLog
from assets.resources.object_store import ObjectStore, open_client
from assets.resources.warehouse import Warehouse
from assets.settings import Settings
from assets.timing import utc_now
from benchmarks.baseline_consumer import copy_topic
from benchmarks.rounds import measure_round
from infra.kafka.topics import provision_topic

LANDING, PUT_OBJECT_LOOP, OBSTORE_LOOP = "landing", "put_object loop", "obstore loop"

_CONTENT_TYPE = "application/octet-stream"
_LAST_OFFSETS_AT = "select max(updated_at) from image_catalog.kafka_offset where topic = %s"


def measure_landing(
    settings: Settings, size_bytes: int, messages: int, turn: int
) -> dict[str, float]:
    """Fills a topic, and empties it each variant; returns messages per second."""
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
        LANDING: lambda: _landing_rate(own, store, messages),
        PUT_OBJECT_LOOP: lambda: _loop_rate(own, messages, put_object),
        OBSTORE_LOOP: lambda: _loop_rate(own, messages, put_by_obstore),
    }
    return measure_round(variants, turn)


def fill_dedicated_topic(settings: Settings, size_bytes: int, messages: int) -> Settings:
    """Makes a topic with as many messages of random bytes; returns the settings that name it."""
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
        raise click.ClickException(f"A message was not sent: {refused[0].reason}.")
    return own


def _landing_rate(settings: Settings, store: ObjectStore, messages: int) -> float:
    """Lands the topic. The end is when the last offsets were written, not when a run has idled."""
    warehouse, started_at = Warehouse.from_settings(settings), utc_now()
    landed = Landing(settings, EventLog(settings), store, warehouse).run()
    if landed.new_images != messages:
        raise click.ClickException(f"{landed.new_images} of {messages} messages were landed.")
    with warehouse.connect() as connection:
        rows = connection.cursor(row_factory=scalar_row)
        ended_at: datetime = rows.execute(_LAST_OFFSETS_AT, [settings.kafka_topic]).fetchall()[0]
    return messages / (ended_at - started_at).total_seconds()


def _loop_rate(settings: Settings, messages: int, put: Callable[[str, bytes], object]) -> float:
    started = time.perf_counter()
    copy_topic(settings, messages, put)
    return messages / (time.perf_counter() - started)
