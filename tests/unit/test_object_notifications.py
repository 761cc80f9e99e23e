"""What is read from S3's notifications: decoded keys, creations only, as a listing shows them."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.ingestion.bucket.source import object_origin
from assets.resources.objects import (
    Notification,
    ObjectVersion,
    listed_version,
    read_events,
    remaining,
)
from tests.unit.arrivals import object_version


def record(event: str = "ObjectCreated:Put", **changes: Any) -> dict[str, Any]:
    """One record as in Amazon's “Event message structure”, shortened to what is read."""
    told = {
        "key": "holiday/beach.jpg",
        "size": 5,
        "eTag": "9e107d9d372bb6826bd81d3542a419d6",
        "versionId": "v1",
        "sequencer": "0055AED6DCD90281E5",
    } | changes
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventTime": "2024-05-17T12:00:00.000Z",
        "eventName": event,
        "s3": {"bucket": {"name": "darkroom-raw"}, "object": told},
    }


def created(*records: dict[str, Any]) -> tuple[ObjectVersion, ...]:
    return tuple(remaining([Notification("handle", read_events(json.dumps({"Records": records})))]))


def listed(**changes: Any) -> ObjectVersion:
    item = {
        "Key": "holiday/beach.jpg",
        "VersionId": "v1",
        "ETag": '"9e107d9d372bb6826bd81d3542a419d6"',
        "Size": 5,
        "LastModified": datetime(2024, 5, 17, 12, tzinfo=UTC),
    }
    return listed_version("darkroom-raw", item | changes)


def test_a_notification_tells_everything_about_an_object() -> None:
    assert created(record()) == (object_version(),)


def test_a_notification_and_a_listing_tell_the_same_of_an_object() -> None:
    assert created(record()) == (listed(),)


def test_a_buckets_test_event_tells_of_no_object() -> None:
    body = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "darkroom-raw"}
    assert read_events(json.dumps(body)) == ()


@pytest.mark.parametrize(
    "event",
    ["ObjectCreated:Put", "ObjectCreated:Post", "ObjectCreated:Copy",
     "ObjectCreated:CompleteMultipartUpload"],
)  # fmt: skip
def test_every_way_of_creating_an_object_counts(event: str) -> None:
    assert len(created(record(event))) == 1


@pytest.mark.parametrize(
    "event",
    ["ObjectRemoved:Delete", "ObjectRemoved:DeleteMarkerCreated", "ObjectRestore:Completed",
     "ObjectTagging:Put", "LifecycleExpiration:Delete"],
)  # fmt: skip
def test_what_creates_no_object_is_left_out(event: str) -> None:
    assert created(record(event)) == ()


@pytest.mark.parametrize(
    ("put", "deleted", "is_left"),
    [("0A", "0B", False), ("0B", "0A", True), ("0A1", "0B", False), ("0B", "0A1", True)],
)
def test_an_object_is_left_unless_it_was_deleted_after_it_was_put(put, deleted, is_left) -> None:
    marker = record("ObjectRemoved:DeleteMarkerCreated", sequencer=deleted, versionId="v2")
    assert bool(created(marker, record(sequencer=put))) is is_left
    assert bool(created(record(sequencer=put), marker)) is is_left


def test_a_deletion_hides_its_own_key_only() -> None:
    marker = record("ObjectRemoved:DeleteMarkerCreated", sequencer="0F")
    found = created(record(sequencer="0A"), record(key="other.jpg", sequencer="0A"), marker)
    assert [one.key for one in found] == ["other.jpg"]


def test_a_removal_does_not_hide_its_neighbours() -> None:
    found = created(record(), record("ObjectRemoved:Delete"), record(key="other.jpg"))
    assert [one.key for one in found] == ["holiday/beach.jpg", "other.jpg"]


@pytest.mark.parametrize(
    ("told", "key"),
    [
        ("my+holiday/b%C3%A4ch.jpg", "my holiday/bäch.jpg"),
        ("1%2B1.jpg", "1+1.jpg"),
        ("100%25.jpg", "100%.jpg"),
        ("%E5%AF%8C%E5%A3%AB.jpg", "富士.jpg"),
    ],
)
def test_a_key_is_decoded(told: str, key: str) -> None:
    assert created(record(key=told))[0].key == key


@given(st.text(min_size=1, max_size=100))
def test_every_key_survives_its_encoding(key: str) -> None:
    assert created(record(key=quote_plus(key, safe="/")))[0].key == key


def test_an_object_of_a_bucket_without_versions_has_none() -> None:
    told = record()
    del told["s3"]["object"]["versionId"]
    assert created(told)[0].version is None


def test_a_version_named_null_is_none_however_it_is_told() -> None:
    """What is put while versioning is suspended has the version id `null`."""
    assert object_origin(created(record(versionId="null"))[0]) == object_origin(
        listed(VersionId="null")
    )


def test_an_empty_object_is_told_with_its_size() -> None:
    assert created(record(size=0))[0].size_bytes == 0


def test_a_time_is_aware_and_in_utc() -> None:
    assert created(record())[0].modified_at == datetime(2024, 5, 17, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "changes",
    [{"key": "%ff"}, {"key": "\ud800"}, {"key": "k" * 1025}, {"key": "%E2%98%83" * 342},
     {"key": 5}, {"size": -1}, {"size": 2**63}, {"size": "much"}, {"versionId": 5}, {"eTag": []}],
    ids=repr,
)  # fmt: skip
def test_what_no_object_can_be_is_none(changes: dict[str, Any]) -> None:
    """A row could not hold it; the notification would come back for ever."""
    assert created(record(**changes)) == ()


def test_a_key_may_have_1024_bytes() -> None:
    assert created(record(key="%E2%98%83" * 341))[0].key == "☃" * 341


@pytest.mark.parametrize(
    "time", ["", "noon", None, "2024-05-17T12:00:00", "0001-01-01T00:00:00+14:00"]
)
def test_a_time_that_tells_no_moment_makes_no_object(time: str | None) -> None:
    assert created(record() | {"eventTime": time}) == ()


@pytest.mark.parametrize(
    "body",
    ["", "not json", "[]", '"text"', "null", "42", '{"Records": null}', '{"Records": [1]}',
     '{"Records": [{"eventName": "ObjectCreated:Put"}]}', "[" * 100_000],
)  # fmt: skip
def test_a_message_that_is_no_notification_tells_of_no_object(body: str) -> None:
    """Anybody may put a message into a queue; the notifications beside it still count."""
    assert read_events(body) == ()
