"""Collects what the platform has after a campaign: ledger, buckets, topic, views, runs."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import PurePosixPath

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from assets.catalog.checks import balance
from assets.errors import ServerUnavailableError
from assets.processing.recipe import read_recipe
from assets.resources.event_log import EventLog
from assets.resources.object_store import ObjectMissingError, ObjectStore
from assets.resources.warehouse import Connection, Warehouse
from assets.settings import Settings
from tests.campaigns.chaos.record import Sent
from tests.campaigns.chaos.sources import FOLDER
from tests.campaigns.chaos.verdict import Evidence, RecordedImage

_THREADS = 8
_SILENT_POLLS = 3
_MAX_SILENT_POLLS = 60
_MAX_MESSAGE_BYTES = 12 * 1024 * 1024
_ROWS = """
    select source, origin, coalesce(reason_code, state), object_key, object_version, quarantine_key
    from image_catalog.image
"""
_GAPS = "select count(*) from image_catalog.kafka_gap where explained_at is null"
_SEEN = "select coalesce(sum(landed_images), 0)::bigint from analytics.view_image_daily_summary"


def collect(
    settings: Settings, analyst: Warehouse, sent: Mapping[str, Sent], stuck_runs: int
) -> Evidence:
    """Reads everything once; takes a few seconds per thousand images.

    Args:
        settings: Addresses of the platform's servers.
        analyst: The warehouse as a person of TEAM_ANALYTICS.
        sent: What the senders' record says, by digest.
        stuck_runs: Runs that do not end.
    """
    store = ObjectStore(settings)
    with Warehouse.from_settings(settings).connect() as connection:
        rows = list(_rows(connection, store))
        missing, orphaned = _files(connection, store)
        unbalanced = int((balance(connection)["difference"] != 0).sum())
        gaps = _number(connection, _GAPS)
    with analyst.connect() as connection:
        seen = _number(connection, _SEEN)
    return Evidence(
        rows=rows,
        copies=_topic_copies(settings) + _bucket_copies(store, sent),
        missing_files=missing,
        orphaned_renditions=orphaned,
        stuck_runs=stuck_runs,
        unbalanced_hours=unbalanced,
        unexplained_gaps=gaps,
        may_have_gaps=not EventLog(settings).look(settings.kafka_topic).is_exact,
        rows_missing_in_views=abs(len(rows) - seen),
    )


def _rows(connection: Connection, store: ObjectStore) -> Iterator[RecordedImage]:
    """Reads the ledger, and the digest of each row's original from the bucket that has it."""
    settings = store.settings
    table = connection.execute(_ROWS).fetchall()

    def known(row: tuple[object, ...]) -> RecordedImage:
        source, origin, outcome, key, version, quarantine_key = map(_text, row)
        digest = _digest(store, settings.raw_bucket, key or "", version)
        if digest is None and quarantine_key is not None:
            digest = _digest(store, settings.quarantine_bucket, quarantine_key, None)
        return RecordedImage(source or "", origin or "", outcome or "", digest)

    with ThreadPoolExecutor(_THREADS) as threads:
        yield from threads.map(known, table)


def _digest(store: ObjectStore, bucket: str, key: str, version: str | None) -> str | None:
    try:
        return hashlib.sha256(store.get(bucket, key, version)).hexdigest()
    except ObjectMissingError:
        return None


def _files(connection: Connection, store: ObjectStore) -> tuple[int, int]:
    """Counts rows without their objects, and renditions without their rows."""
    settings = store.settings
    renditions = _keys(connection, "select object_key from image_catalog.rendition")
    quarantined = _keys(
        connection,
        "select quarantine_key from image_catalog.image where quarantine_key is not null",
    )
    processed = _number(
        connection, "select count(*) from image_catalog.image where state = 'processed'"
    )
    made = _listed(store, settings.processed_bucket)
    missing = len(renditions - made) + len(quarantined - _listed(store, settings.quarantine_bucket))
    missing += abs(len(read_recipe("standard").renditions) * processed - len(renditions))
    return missing, len(made - renditions)


def _topic_copies(settings: Settings) -> Counter[str]:
    """Counts the topic's messages by the digest of their values, reading all of it.

    Raises `ServerUnavailableError` when the brokers go away meanwhile.
    """
    servers, found = settings.kafka_bootstrap_servers, Counter[str]()
    try:
        consumer = KafkaConsumer(
            bootstrap_servers=servers, max_partition_fetch_bytes=_MAX_MESSAGE_BYTES
        )
        numbers = consumer.partitions_for_topic(settings.kafka_topic) or ()
        consumer.assign([TopicPartition(settings.kafka_topic, number) for number in numbers])
        consumer.seek_to_beginning()
        silent = 0
        while silent < _SILENT_POLLS or not _is_at_the_end(consumer):
            if silent > _MAX_SILENT_POLLS:
                raise ServerUnavailableError("Kafka", servers, "it holds back a part of the topic")
            polled = consumer.poll(timeout_ms=1000)
            silent = 0 if polled else silent + 1
            for message in chain.from_iterable(polled.values()):
                found[hashlib.sha256(message.value or b"").hexdigest()] += 1
        consumer.close()
    except (KafkaError, OSError) as error:
        raise ServerUnavailableError("Kafka", servers, type(error).__name__) from error
    return found


def _is_at_the_end(consumer: KafkaConsumer) -> bool:
    """Tells whether all was read that the brokers list; they may hold a little more than that."""
    ends = consumer.end_offsets(consumer.assignment())
    return all(consumer.position(partition) >= end for partition, end in ends.items())


def _bucket_copies(store: ObjectStore, sent: Mapping[str, Sent]) -> Counter[str]:
    """Counts the versions of what was dropped into the raw bucket, by digest."""
    digests = {one.image.name: digest for digest, one in sent.items()}
    # A page may begin with what the last one ended with: versions are counted once.
    versions = {
        (PurePosixPath(one.key), one.version)
        for page in store.pages_of_versions(store.settings.raw_bucket)
        for one in page.versions
    }
    return Counter(
        digests[path.name]
        for path, _ in versions
        if str(path.parent) == FOLDER and path.name in digests
    )


def _listed(store: ObjectStore, bucket: str) -> set[str]:
    return {one.key for page in store.pages_of_versions(bucket) for one in page.versions}


def _keys(connection: Connection, query: str) -> set[str]:
    return {str(row[0]) for row in connection.execute(query)}


def _number(connection: Connection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(str(row[0])) if row else 0


def _text(value: object) -> str | None:
    return None if value is None else str(value)
