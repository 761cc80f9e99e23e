"""What an object in a bucket means, and how references and objects are compared."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.catalog import identity
from assets.ingestion.kafka.lineage import Lineage
from assets.ingestion.kafka.source import landed_key
from assets.ingestion.upload.source import upload_key
from assets.resources.objects import ObjectVersion
from assets.retention.image_buckets import (
    GRACE,
    ImageBucket,
    LedgerSnapshot,
    ObjectReference,
    RetentionClock,
    arrived_by,
    differences,
    images_of,
    is_expired,
    is_marker_expired,
    is_orphan,
)
from tests.unit.arrivals import NOON, message, object_version

IMAGE = UUID("12345678-1234-5678-1234-567812345678")
AGE = timedelta(hours=158)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
NOTHING = LedgerSnapshot({}, frozenset())
COPIES = [ImageBucket.PROCESSED, ImageBucket.QUARANTINE]
END_OF_DAY = datetime(2024, 5, 17, 23, 59, 59, 999999, tzinfo=UTC)


def copy(**changes: object) -> ObjectVersion:
    key = identity.rendition_key(IMAGE, NOON, "hash", "small.jpg")
    return object_version(**{"key": key, "version": None} | changes)


def orphan(
    bucket: ImageBucket, found: ObjectVersion, snapshot: LedgerSnapshot, at: datetime
) -> bool:
    return is_orphan(bucket, found, snapshot, RetentionClock(at, AGE))


@pytest.mark.parametrize("bucket", COPIES)
def test_a_copy_tells_its_image_and_that_it_came_by_the_end_of_its_day(bucket) -> None:
    found = copy(modified_at=NOON + timedelta(days=3))
    assert images_of(bucket, found) == (IMAGE,)
    assert arrived_by(bucket, found) == END_OF_DAY


@pytest.mark.parametrize("key", ["x", "2024-05-17/x", f"2024-02-30/{IMAGE}", f"17/{IMAGE}/x", ""])
def test_a_foreign_key_tells_nothing_and_its_object_came_when_it_was_stored(key) -> None:
    found = copy(key=key)
    assert images_of(ImageBucket.PROCESSED, found) == ()
    assert arrived_by(ImageBucket.PROCESSED, found) == NOON


def test_a_copy_cannot_be_older_than_its_image() -> None:
    assert arrived_by(ImageBucket.PROCESSED, copy()) == NOON


@given(st.dates(), st.datetimes(timezones=st.just(UTC)))
def test_no_copy_came_after_it_was_stored_or_after_its_day(day, stored_at) -> None:
    found = copy(key=f"{day.isoformat()}/{IMAGE}", modified_at=stored_at)
    at = arrived_by(ImageBucket.QUARANTINE, found)
    assert (at <= stored_at, at.date() <= day) == (True, True)


def test_a_repetition_of_a_message_came_by_the_end_of_its_day() -> None:
    key = landed_key(message(), Lineage())
    found = object_version(key=key, modified_at=NOON + timedelta(days=3))
    assert NOON <= arrived_by(ImageBucket.RAW, found) <= END_OF_DAY + SECOND


def test_a_repeated_upload_came_by_the_end_of_its_hour() -> None:
    found = object_version(key=upload_key(IMAGE, NOON), modified_at=NOON + timedelta(days=3))
    assert arrived_by(ImageBucket.RAW, found) == NOON + HOUR


@pytest.mark.parametrize("bucket", COPIES)
def test_a_copy_expires_when_its_whole_day_is_due(bucket) -> None:
    found = copy(modified_at=NOON + timedelta(days=3))
    assert not is_expired(bucket, found, RetentionClock(END_OF_DAY + AGE - SECOND, AGE))
    assert is_expired(bucket, found, RetentionClock(END_OF_DAY + AGE, AGE))


def test_in_the_raw_bucket_the_row_is_asked_first() -> None:
    assert not is_expired(ImageBucket.RAW, object_version(), RetentionClock(NOON + 2 * AGE, AGE))


@pytest.mark.parametrize("bucket", COPIES)
def test_what_no_row_names_is_an_orphan_after_the_grace_exactly(bucket) -> None:
    assert not orphan(bucket, copy(), NOTHING, NOON + GRACE - SECOND)
    assert orphan(bucket, copy(), NOTHING, NOON + GRACE)


@pytest.mark.parametrize("bucket", list(ImageBucket))
@pytest.mark.parametrize("version", [None, "v1"])
def test_what_a_row_names_is_never_an_orphan(bucket, version) -> None:
    found = copy(version="v1")
    named = LedgerSnapshot({}, frozenset({(found.key, version)}), frozenset({IMAGE}))
    assert not orphan(bucket, found, named, NOON + 2 * AGE)


@pytest.mark.parametrize("bucket", COPIES)
def test_what_is_in_work_is_no_orphan(bucket) -> None:
    leased = LedgerSnapshot({}, frozenset(), leased=frozenset({IMAGE}))
    assert not orphan(bucket, copy(), leased, NOON + 2 * AGE)


@pytest.mark.parametrize("bucket", COPIES)
def test_a_copy_of_an_erased_image_is_an_orphan_at_once(bucket) -> None:
    assert orphan(bucket, copy(), LedgerSnapshot({}, frozenset(), frozenset({IMAGE})), NOON)


def test_another_version_of_an_upload_is_an_orphan_after_the_grace() -> None:
    found = object_version(key=upload_key(IMAGE, NOON), version="v2")
    known = LedgerSnapshot({IMAGE: found.key}, frozenset({(found.key, "v1")}))
    assert not orphan(ImageBucket.RAW, found, known, NOON + GRACE - SECOND)
    assert orphan(ImageBucket.RAW, found, known, NOON + GRACE)


def test_an_upload_that_no_row_knows_waits_to_be_registered() -> None:
    found = object_version(key=upload_key(IMAGE, NOON))
    assert not orphan(ImageBucket.RAW, found, NOTHING, NOON + AGE - SECOND)
    assert orphan(ImageBucket.RAW, found, NOTHING, NOON + AGE)


def test_a_message_just_stored_is_left_though_its_day_is_due() -> None:
    late = NOON + AGE + timedelta(hours=6)
    found = object_version(key=landed_key(message(), Lineage()), modified_at=late)
    assert not orphan(ImageBucket.RAW, found, NOTHING, late + GRACE - SECOND)
    assert orphan(ImageBucket.RAW, found, NOTHING, late + GRACE)


def test_a_marker_goes_at_the_purge_age_and_an_erased_images_at_once() -> None:
    at = RetentionClock(NOON + AGE - SECOND, AGE)
    assert not is_marker_expired(ImageBucket.QUARANTINE, copy(), NOTHING, at)
    assert is_marker_expired(
        ImageBucket.QUARANTINE, copy(), NOTHING, RetentionClock(NOON + AGE, AGE)
    )
    erased = LedgerSnapshot({}, frozenset(), frozenset({IMAGE}))
    assert is_marker_expired(ImageBucket.QUARANTINE, copy(), erased, at)


some_keys = st.text(max_size=3)
pairs = st.tuples(some_keys, st.sampled_from([None, "1", "2", "3"]))


def names(wanted: set[tuple[str, str | None]]) -> list[ObjectReference]:
    return sorted(
        (ObjectReference(IMAGE, key, version, True) for key, version in wanted), key=lambda n: n.key
    )


def versions(there: set[tuple[str, str | None]]) -> list[ObjectVersion]:
    found = (object_version(key=key, version=version) for key, version in there)
    return sorted(found, key=lambda one: one.key.encode())


@given(st.sets(st.tuples(some_keys, st.sampled_from("123"))), st.sets(pairs))
def test_with_versions_the_differences_are_those_of_the_sets(wanted, there) -> None:
    there = {(key, version) for key, version in there if version}
    found = list(differences(names(wanted), versions(there)))
    unknown = [(one.key, one.version) for one in found if isinstance(one, ObjectVersion)]
    missing = [(one.key, one.version) for one in found if isinstance(one, ObjectReference)]
    assert (sorted(unknown), sorted(missing)) == (sorted(there - wanted), sorted(wanted - there))


@given(st.sets(some_keys), st.sets(pairs))
def test_a_name_without_a_version_is_for_whatever_has_its_key(wanted, there) -> None:
    found = list(differences(names({(key, None) for key in wanted}), versions(there)))
    keys = {key for key, _ in there}
    assert {one.key for one in found if isinstance(one, ObjectVersion)} == keys - wanted
    assert {one.key for one in found if isinstance(one, ObjectReference)} == wanted - keys
