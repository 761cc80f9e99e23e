"""Objects that an Object Lock or a legal hold keeps from being deleted."""

from datetime import UTC, datetime, timedelta

import pytest

from assets.errors import DeletionRefusedError
from assets.retention.checks import evaluate_ages
from assets.retention.erasure import Erasure
from assets.retention.erasure_requests import ErasureSelection, newest_open
from assets.retention.inventory import Inventory
from assets.retention.receipts import Copy
from assets.retention.restore import Restore
from tests.integration.bucket import keys_of_rows, put
from tests.integration.retention_helpers import problems, purge

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


@pytest.fixture
def lockable(platform):
    """The platform, whose raw bucket allows locks."""
    platform.object_store.s3.put_object_lock_configuration(
        Bucket=platform.settings.raw_bucket,
        ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"},
    )
    return platform


def drop_two(platform) -> dict[str, str]:
    """Drops and registers two objects; returns place and version of the first."""
    version = put(platform, "locked.jpg")
    put(platform, "other.jpg")
    platform.register()
    return {"Bucket": platform.settings.raw_bucket, "Key": "locked.jpg", "VersionId": version}


def retain(platform, place: dict[str, str], mode: str) -> None:
    until = datetime.now(UTC) + DAY
    platform.object_store.s3.put_object_retention(
        **place, Retention={"Mode": mode, "RetainUntilDate": until}
    )


def hold(platform, place: dict[str, str], status: str) -> None:
    platform.object_store.s3.put_object_legal_hold(**place, LegalHold={"Status": status})


def at_the_purge_age(platform) -> datetime:
    return datetime.now(UTC) + platform.settings.purge_age + SECOND


def when_the_day_is_over(platform) -> datetime:
    return at_the_purge_age(platform) + DAY


@pytest.mark.parametrize("when", [at_the_purge_age, when_the_day_is_over])
@pytest.mark.parametrize("mode", ["GOVERNANCE", "COMPLIANCE"])
def test_a_locked_object_is_reported_and_all_others_are_deleted(lockable, mode, when):
    retain(lockable, drop_two(lockable), mode)
    with pytest.raises(
        DeletionRefusedError, match=r"keeps .*: 1 \(AccessDenied\)\. An Object Lock"
    ):
        purge(lockable, when(lockable))
    assert keys_of_rows(lockable) == ["locked.jpg"]
    assert lockable.keys(lockable.settings.raw_bucket) == {"locked.jpg"}
    assert problems(lockable) == []


def test_a_locked_object_turns_the_check_of_ages_red(lockable):
    retain(lockable, drop_two(lockable), "COMPLIANCE")
    later, settings = datetime.now(UTC) + timedelta(days=8), lockable.settings
    with pytest.raises(DeletionRefusedError):
        purge(lockable, later)
    _, oldest = Inventory(lockable, later).take()
    assert oldest.by_kind[Copy.LEDGER_ROW] is not None
    assert oldest.by_kind[Copy.RAW_OBJECT] is not None
    passed, _, said = evaluate_ages(oldest.by_kind, later, settings.warning_age, settings.retention)
    assert not passed
    assert "past the retention of 168 h" in said


def test_more_locked_objects_than_a_batch_keep_no_other_image(lockable, monkeypatch):
    monkeypatch.setattr("assets.retention.deletion._BATCH_IMAGES", 1)
    hold(lockable, drop_two(lockable), "ON")
    with pytest.raises(DeletionRefusedError):
        purge(lockable, at_the_purge_age(lockable))
    assert keys_of_rows(lockable) == ["locked.jpg"]


def test_too_many_refusals_end_a_purge_at_once(lockable, monkeypatch):
    monkeypatch.setattr("assets.retention.refusals.MAX_REFUSALS", 0)
    hold(lockable, drop_two(lockable), "ON")
    with pytest.raises(DeletionRefusedError):
        purge(lockable, at_the_purge_age(lockable))
    assert sorted(keys_of_rows(lockable)) == ["locked.jpg", "other.jpg"]


def test_the_purge_after_a_legal_hold_deletes_what_it_kept(lockable):
    place = drop_two(lockable)
    hold(lockable, place, "ON")
    later = at_the_purge_age(lockable)
    with pytest.raises(DeletionRefusedError):
        purge(lockable, later)
    hold(lockable, place, "OFF")
    assert purge(lockable, later).items(Copy.LEDGER_ROW) == 1
    assert keys_of_rows(lockable) == []
    assert lockable.keys(lockable.settings.raw_bucket) == set()


def test_a_locked_object_that_belongs_to_no_row_is_reported(lockable):
    version = put(lockable, "unregistered.jpg")
    place = {"Bucket": lockable.settings.raw_bucket, "Key": "unregistered.jpg"}
    retain(lockable, place | {"VersionId": version}, "COMPLIANCE")
    with pytest.raises(DeletionRefusedError):
        purge(lockable, at_the_purge_age(lockable), may_take_any_share=True)


def test_an_erasure_stays_open_until_its_locked_object_is_gone(lockable):
    place = drop_two(lockable)
    hold(lockable, place, "ON")
    erasure = Erasure(lockable)
    number = erasure.request(ErasureSelection((), "bucket", None))
    with pytest.raises(DeletionRefusedError):
        erasure.run(number, datetime.now(UTC))
    assert keys_of_rows(lockable) == ["locked.jpg"]
    with lockable.warehouse.connect() as connection:
        assert newest_open(connection) == number
    hold(lockable, place, "OFF")
    erasure.run(number, datetime.now(UTC))
    assert keys_of_rows(lockable) == []
    with lockable.warehouse.connect() as connection:
        assert newest_open(connection) is None


def test_a_restore_deletes_again_all_but_the_locked_objects(lockable):
    """A purge of a later time has left its receipt; the images are there, as with an older dump."""
    put(lockable, "purged.jpg")
    lockable.register()
    purge(lockable, when_the_day_is_over(lockable))
    place = drop_two(lockable)
    hold(lockable, place, "ON")
    with pytest.raises(DeletionRefusedError):
        Restore(lockable).reapply()
    assert keys_of_rows(lockable) == ["locked.jpg"]
    hold(lockable, place, "OFF")
    Restore(lockable).reapply()
    assert keys_of_rows(lockable) == []
