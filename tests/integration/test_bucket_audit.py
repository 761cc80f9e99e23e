"""The check that no raw object is unregistered: the clock is moved, not waited for."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from assets.ingestion.bucket.assets import evaluate_audit, no_raw_object_is_unregistered
from assets.ingestion.bucket.audit import Audit, AuditCounts
from assets.ingestion.bucket.listing import Sweep
from assets.ingestion.kafka import topics
from assets.ingestion.kafka.lineage import Lineage
from assets.ingestion.kafka.source import landed_key
from assets.ingestion.upload.source import upload_key
from assets.resources.messages import Position
from tests.integration.bucket import NOW, put, put_upload, set_sweep, with_settings
from tests.unit.arrivals import message

GRACE = timedelta(minutes=25)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


def audit(platform, now: datetime, seconds: float = 60) -> tuple[AuditCounts, bool]:
    return Audit(platform).run(now, seconds)


def stored_at(platform) -> datetime:
    """When the last object was stored, as the bucket tells it."""
    pages = platform.object_store.pages_of_versions(platform.settings.raw_bucket)
    return max(found.modified_at for page in pages for found in page.versions)


def test_an_empty_bucket_is_clean(platform):
    assert audit(platform, NOW) == (AuditCounts(), True)


def test_what_was_registered_is_known(platform, pictures):
    platform.produce([picture.body for picture in pictures])
    platform.land()
    platform.drop("mine.jpg", b"x")
    platform.drop("mine.jpg", b"y")
    put_upload(platform, upload_key(uuid4(), NOW))
    platform.register()
    seen, is_whole = audit(platform, NOW + DAY)
    assert (seen, is_whole) == (AuditCounts(looked_at=len(pictures) + 3), True)


def test_after_the_grace_exactly_an_object_that_no_row_knows_counts(platform):
    platform.drop("lost.jpg", b"x")
    stored = stored_at(platform)
    assert audit(platform, stored + GRACE - SECOND)[0] == AuditCounts(looked_at=1)
    assert audit(platform, stored + GRACE)[0] == AuditCounts(looked_at=1, unregistered=1)


def test_an_upload_that_no_row_knows_counts(platform):
    put_upload(platform, upload_key(uuid4(), NOW))
    assert audit(platform, NOW + DAY)[0].unregistered == 1


def test_what_is_due_to_be_purged_is_retentions_business(platform):
    platform.drop("old.jpg", b"x")
    age = platform.settings.purge_age
    assert audit(platform, stored_at(platform) + age - SECOND)[0].unregistered == 1
    assert audit(platform, stored_at(platform) + age)[0] == AuditCounts(looked_at=1)


def test_copies_that_repetitions_left_behind_count_as_known(platform, pictures):
    platform.produce([pictures[0].body])
    platform.land()
    [(key,)] = platform.query("select object_key from image_catalog.image")
    put(platform, key, pictures[0].body)
    image = uuid4()
    for hour in (NOW, NOW - timedelta(hours=1)):
        put_upload(platform, upload_key(image, hour))
    platform.register()
    assert audit(platform, NOW + DAY)[0] == AuditCounts(looked_at=4)


def test_what_is_left_to_the_landing_for_a_day_is_told_apart(platform):
    awaited = message(topic=platform.settings.kafka_topic, offset=7, sent_at=NOW)
    platform.drop(landed_key(awaited, Lineage()), b"x")
    stored = stored_at(platform)
    assert audit(platform, stored + DAY - SECOND)[0] == AuditCounts(looked_at=1)
    assert audit(platform, stored + DAY)[0] == AuditCounts(looked_at=1, left_to_landing=1)


def test_a_drop_behind_the_landings_back_counts_after_both_graces(platform):
    topic = platform.settings.kafka_topic
    with platform.warehouse.connect() as connection:
        topics.write_offsets(connection, topic, {1: Position(43, 43)})
    platform.drop(landed_key(message(topic=topic, sent_at=NOW), Lineage()), b"x")
    later = stored_at(platform) + GRACE + timedelta(minutes=15)
    assert audit(platform, later - SECOND)[0].unregistered == 0
    assert audit(platform, later)[0].unregistered == 1


@pytest.mark.parametrize("resume_key", [None, "0", "2.jpg", "4.jpg", "z"])
def test_wherever_the_sweep_stands_every_version_is_looked_at_once(platform, resume_key):
    for number in range(5):
        platform.drop(f"{number}.jpg", b"x")
        platform.drop(f"{number}.jpg", b"y")
    set_sweep(platform, Sweep(resume_key))
    assert audit(platform, NOW + DAY) == (AuditCounts(looked_at=10, unregistered=10), True)


def test_an_audit_without_time_says_that_it_saw_a_part(platform):
    platform.drop("lost.jpg", b"x")
    seen, is_whole = audit(platform, NOW + DAY, seconds=0)
    assert (seen.looked_at, is_whole) == (1, False)
    assert "a part" in evaluate_audit(seen, is_whole=is_whole)


def test_the_check_counts_and_names_nothing(platform):
    platform.drop("somebodys-secret.jpg", b"x")
    no_grace = with_settings(platform, sweep_interval_seconds=-15 * 60)
    result = no_raw_object_is_unregistered(platform=no_grace)
    assert (result.passed, result.metadata["unregistered"].value) == (False, 1)
    assert "1 of them are in no row" in result.description
    assert "secret" not in f"{result}"
