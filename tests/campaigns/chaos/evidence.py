"""Collects what the platform has after a campaign, from ledger, buckets, topic and views."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import PurePosixPath
from uuid import UUID

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from assets.catalog.checks import balance
from assets.errors import ServerUnavailableError
from assets.processing.recipe import read_recipe
from assets.resources.brokers import connection
from assets.resources.event_log import EventLog
from assets.resources.object_store import ObjectMissingError, ObjectStore
from assets.resources.warehouse import (
    Connection,
    Warehouse,
    read_rows,
    read_value,
    read_values,
)
from assets.retention.image_buckets import ImageBucket, images_of, list_bucket
from assets.retention.receipt_store import read_receipts
from assets.retention.receipts import DeletionReason
from assets.settings import Settings
from tests.campaigns.chaos.platform import FOLDER
from tests.campaigns.chaos.record import Sent
from tests.campaigns.chaos.verdict import Evidence, RecordedImage

_THREADS = 8
_SILENT_POLLS = 3
_MAX_SILENT_POLLS = 60
_MAX_MESSAGE_BYTES = 12 * 1024 * 1024
_ROWS = """
    select
        image_id, source, origin, coalesce(reason_code, state) as outcome, object_key,
        object_version, quarantine_key
    from image_catalog.image
"""
_RENDITION_KEYS = "select object_key from image_catalog.rendition"
_GAPS = "select count(*) from image_catalog.kafka_gap where explained_at is null"
_SEEN = "select coalesce(sum(landed_images), 0)::bigint from analytics.view_image_daily_summary"


_ERASED = "select distinct unnest(image_ids) from retention.erasure_request"
_RENDITIONS_LEFT = "select count(*) from image_catalog.rendition where image_id = any(%s)"


@dataclass(frozen=True)
class _Row:
    image_id: UUID
    source: str
    origin: str
    outcome: str
    object_key: str
    object_version: str | None
    quarantine_key: str | None


def collect(
    settings: Settings, analyst: Warehouse, sent: Mapping[str, Sent], stuck_runs: int
) -> Evidence:
    """Reads everything once, a few seconds per thousand images; what was sent is by digest."""
    store = ObjectStore(settings)
    with Warehouse.from_settings(settings).connect() as connection:
        stored = read_rows(connection, _Row, _ROWS)
        missing, orphaned = _count_files(
            stored, set(read_values(connection, _RENDITION_KEYS)), store
        )
        unbalanced = int((balance(connection)["difference"] != 0).sum())
        gaps = read_value(connection, _GAPS)
        erased = set(read_values(connection, _ERASED))
        renditions_left = read_value(connection, _RENDITIONS_LEFT, [list(erased)])
        proven = count_in_receipts(connection, erased)
    with analyst.connect() as connection:
        seen = read_value(connection, _SEEN)
    with ThreadPoolExecutor(_THREADS) as threads:
        recorded = threads.map(lambda row: _with_digest(store, row, erased), stored)
        rows = list(recorded)
    return Evidence(
        rows=rows,
        copies=_topic_copies(settings) + _bucket_copies(store, sent),
        missing_files=missing,
        orphaned_renditions=orphaned,
        stuck_runs=stuck_runs,
        unbalanced_hours=unbalanced,
        unexplained_gaps=gaps,
        may_have_gaps=not EventLog(settings).read_state(settings.kafka_topic).is_exact,
        rows_missing_in_views=abs(len(rows) - seen),
        erased_copies_left=renditions_left + count_objects_left(store, erased),
        erased_in_receipts=proven,
    )


def count_objects_left(store: ObjectStore, erased: Set[UUID]) -> int:
    """Counts the versions and delete markers in all image buckets that belong to erased images."""
    return sum(
        not erased.isdisjoint(images_of(bucket, one))
        for bucket in ImageBucket
        for page in list_bucket(store, bucket.name_in(store.settings))
        for one in (*page.versions, *page.delete_markers)
    )


def count_in_receipts(connection: Connection, erased: Set[UUID]) -> int:
    """Counts the erased images that a receipt of an erasure names."""
    receipts = [one for one in read_receipts(connection) if one.why is DeletionReason.ERASURE]
    return sum(any(receipt.names(image) for receipt in receipts) for image in erased)


def _with_digest(store: ObjectStore, row: _Row, erased: Set[UUID]) -> RecordedImage:
    """Adds the digest of a row's original from the bucket that has it."""
    settings = store.settings
    digest = _digest(store, settings.raw_bucket, row.object_key, row.object_version)
    if digest is None and row.quarantine_key is not None:
        digest = _digest(store, settings.quarantine_bucket, row.quarantine_key, None)
    return RecordedImage(row.source, row.origin, row.outcome, digest, row.image_id in erased)


def _digest(store: ObjectStore, bucket: str, key: str, version: str | None) -> str | None:
    try:
        return hashlib.sha256(store.get(bucket, key, version)).hexdigest()
    except ObjectMissingError:
        return None


def _count_files(rows: Sequence[_Row], renditions: set[str], store: ObjectStore) -> tuple[int, int]:
    """Counts rows without their objects, and renditions without their rows."""
    settings, per_image = store.settings, len(read_recipe("standard").renditions)
    quarantined = {row.quarantine_key for row in rows if row.quarantine_key is not None}
    processed = sum(row.outcome == "processed" for row in rows)
    stored = _listed(store, settings.processed_bucket)
    missing = len(renditions - stored) + abs(per_image * processed - len(renditions))
    missing += len(quarantined - _listed(store, settings.quarantine_bucket))
    return missing, len(stored - renditions)


def _topic_copies(settings: Settings) -> Counter[str]:
    """Reads the whole topic and counts its messages by the digest of their values.

    Raises `ServerUnavailableError` when the brokers stop answering.
    """
    servers, found = settings.kafka_bootstrap_servers, Counter[str]()
    try:
        consumer = KafkaConsumer(
            **connection(settings), max_partition_fetch_bytes=_MAX_MESSAGE_BYTES
        )
        numbers = consumer.partitions_for_topic(settings.kafka_topic) or ()
        consumer.assign([TopicPartition(settings.kafka_topic, number) for number in numbers])
        consumer.seek_to_beginning()
        silent = 0
        while silent < _SILENT_POLLS or not _is_at_the_end(consumer):
            if silent > _MAX_SILENT_POLLS:
                raise ServerUnavailableError("Kafka", servers, "a part of the topic cannot be read")
            polled = consumer.poll(timeout_ms=1000)
            silent = 0 if polled else silent + 1
            for message in chain.from_iterable(polled.values()):
                found[hashlib.sha256(message.value or b"").hexdigest()] += 1
        consumer.close()
    except (KafkaError, OSError) as error:
        raise ServerUnavailableError("Kafka", servers, type(error).__name__) from error
    return found


def _is_at_the_end(consumer: KafkaConsumer) -> bool:
    """Whether the listed end was reached; the brokers may hold a few more messages than that."""
    ends = consumer.end_offsets(consumer.assignment())
    return all(consumer.position(partition) >= end for partition, end in ends.items())


def _bucket_copies(store: ObjectStore, sent: Mapping[str, Sent]) -> Counter[str]:
    """Counts the versions of dropped objects in the raw bucket, by digest."""
    digests = {one.image.name: digest for digest, one in sent.items()}
    # A page may repeat the end of the one before: versions are counted once.
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
