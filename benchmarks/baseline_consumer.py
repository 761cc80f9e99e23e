"""The bare loop beside the landing: a Kafka consumer and eight threads that put objects.

It keeps no ledger and no offsets, checks nothing, and holds the whole backlog in memory if putting
is slower than reading: what anyone would write first, and the most that a landing can reach.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from assets.settings import Settings
from infra.report import MeasurementError

_THREADS = 8
_MAX_MESSAGE_BYTES = 12 * 1024 * 1024
_POLL_MS = 1000
_SILENT_POLLS = 30


def copy_topic(settings: Settings, messages: int, put: Callable[[str, bytes], object]) -> None:
    """Reads a whole topic from its beginning and puts the value of every message.

    Args:
        put: Stores bytes under a name: partition and offset.

    Raises `MeasurementError` when no message came for half a minute.
    """
    puts: list[Future[object]] = []
    consumer, silent = _open(settings), 0
    try:
        with ThreadPoolExecutor(_THREADS) as threads:
            while len(puts) < messages and silent < _SILENT_POLLS:
                records = _poll(consumer)
                silent = 0 if records else silent + 1
                for record in records:
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


def _open(settings: Settings) -> KafkaConsumer:
    """Opens a consumer with the client settings of the landing, at the beginning of the topic."""
    consumer = KafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap_servers,
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


def _poll(consumer: KafkaConsumer) -> list[Any]:
    polled = consumer.poll(timeout_ms=_POLL_MS)
    return [record for records in polled.values() for record in records]
