"""Messages, object versions and settings for tests without servers."""

from datetime import UTC, datetime
from typing import Any

from assets.resources.messages import Message
from assets.resources.objects import ObjectVersion
from assets.settings import Settings

NOON = datetime(2024, 5, 17, 12, 0, 0, tzinfo=UTC)

REQUIRED = {
    "DATABASE_URL": "postgresql://loader:hunter2@127.0.0.1:5432/warehouse",
    "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092",
}


def some_settings(**variables: str) -> Settings:
    return Settings.of(REQUIRED | {name.upper(): value for name, value in variables.items()})


def message(**changes: Any) -> Message:
    told: dict[str, Any] = {
        "topic": "images",
        "partition": 1,
        "offset": 42,
        "sent_at": NOON,
        "is_broker_time": True,
        "value": b"bytes",
        "headers": {},
    }
    return Message(**told | changes)


def object_version(**changes: Any) -> ObjectVersion:
    told: dict[str, Any] = {
        "bucket": "darkroom-raw",
        "key": "holiday/beach.jpg",
        "version": "v1",
        "etag": "9e107d9d372bb6826bd81d3542a419d6",
        "size_bytes": 5,
        "modified_at": NOON,
    }
    return ObjectVersion(**told | changes)
