"""Short ways to put things into a raw bucket, and to move its listing."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from assets.ingestion.bucket import listing as sweeps
from assets.ingestion.bucket.listing import Sweep
from assets.ingestion.upload.signature import Statement
from tests.integration.conftest import Platform

NOW = datetime.now(UTC)
YESTERDAY = NOW - timedelta(days=1)


def set_sweep(platform: Platform, sweep: Sweep) -> None:
    with platform.warehouse.connect() as connection:
        sweeps.write_sweep(connection, platform.settings.raw_bucket, sweep)


def read_sweep(platform: Platform) -> Sweep:
    with platform.warehouse.connect() as connection:
        return sweeps.read_sweep(connection, platform.settings.raw_bucket)


def not_due(platform: Platform) -> None:
    """Postpones the listing: from here on only notifications announce objects."""
    set_sweep(platform, Sweep(completed_at=NOW, listed_at=datetime.now(UTC)))


def due_again(platform: Platform) -> None:
    set_sweep(platform, replace(read_sweep(platform), listed_at=YESTERDAY))


def with_settings(platform: Platform, **changes: object) -> Platform:
    return replace(platform, settings=platform.settings.model_copy(update=changes))


def keys_of_rows(platform: Platform) -> list[str]:
    return [key for (key,) in platform.query("select object_key from image_catalog.image")]


def put(platform: Platform, key: str, body: bytes = b"x", **metadata: str) -> str:
    """Puts an object as any client does; returns its version."""
    return platform.object_store.s3.put_object(
        Bucket=platform.settings.raw_bucket,
        Key=key,
        Body=body,
        Metadata=metadata,
        ContentType="image/png",
    )["VersionId"]


def put_upload(platform: Platform, key: str, **metadata: str) -> str:
    """Puts an object as the upload API does for the uploader `ann`; returns its version."""
    signing_key = platform.settings.upload_signing_key
    said = Statement(key, "ann", hashlib.sha256(b"x").digest())
    return put(platform, key, **metadata, **said.signed(signing_key))


def notify(platform: Platform, body: str) -> None:
    store = platform.object_store
    store.sqs.send_message(QueueUrl=store._queue_url, MessageBody=body)


def notification(platform: Platform, key: str, **changes: object) -> str:
    """The notification that S3 sends for an object, whether or not the object exists."""
    told = {"key": key, "size": 1, "eTag": "e", "versionId": "v1", "sequencer": "1"} | changes
    record = {
        "eventName": "ObjectCreated:Put",
        "eventTime": NOW.isoformat(),
        "s3": {"bucket": {"name": platform.settings.raw_bucket}, "object": told},
    }
    return json.dumps({"Records": [record]})


def left_in_queue(platform: Platform) -> int:
    """Notifications that wait, or were taken and not acknowledged."""
    store = platform.object_store
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = store.sqs.get_queue_attributes(QueueUrl=store._queue_url, AttributeNames=names)
    return sum(int(answer["Attributes"][name]) for name in names)
