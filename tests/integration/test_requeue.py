"""Rejected images go through again, with real processing, and nothing else moves."""

from datetime import UTC, datetime, timedelta

import pytest

from assets.catalog import identity, leases, ledger
from assets.catalog.checks import balance
from assets.catalog.records import Arrival
from assets.catalog.requeue import Selection, count_rejected, requeue
from assets.validation import headers as validation
from assets.validation.reasons import Reason
from infra.demo.photographs import broken_files
from tests.integration.catalogue import lease_request

NOW = datetime.now(UTC)


@pytest.fixture
def tiny_limit(monkeypatch):
    """A limit on the size that no photograph keeps, until it is lifted."""
    monkeypatch.setattr(validation, "MAX_IMAGE_BYTES", 100)
    return monkeypatch.undo


def send_again(platform, reason: Reason, now: datetime | None = None, **choice) -> int:
    with platform.warehouse.connect() as connection:
        chosen = Selection(reason, **choice)
        return requeue(connection, chosen, now or datetime.now(UTC), platform.settings.purge_age)


def assert_counts_add_up(platform) -> None:
    with platform.warehouse.connect() as connection:
        assert (balance(connection)["difference"] == 0).all()


def reject_broken_files(platform) -> None:
    for file in broken_files():
        platform.drop(file.name, file.body)
    platform.register()
    platform.process()


def test_an_image_rejected_by_a_limit_passes_once_the_limit_is_wider(
    platform, pictures, tiny_limit
):
    platform.drop("fine.jpg", pictures[0].body)
    platform.register()
    platform.process()
    assert platform.states() == {"too_large": 1}
    tiny_limit()
    assert send_again(platform, Reason.TOO_LARGE) == 1
    assert platform.query("select state, reason_code, finished_at from image_catalog.image") == [
        ("waiting", None, None)
    ]
    platform.process()
    assert platform.states() == {"processed": 1}
    assert platform.query("select count(*) from image_catalog.rendition") == [(2,)]
    assert_counts_add_up(platform)


def test_a_message_rejected_on_arrival_is_processed_from_quarantine(platform, pictures, tiny_limit):
    platform.produce([pictures[0].body])
    platform.land()
    assert platform.states() == {"too_large": 1}
    assert platform.keys(platform.settings.raw_bucket) == set()
    tiny_limit()
    assert send_again(platform, Reason.TOO_LARGE, source="kafka") == 1
    platform.process()
    assert platform.states() == {"processed": 1}
    [(quarantine_key,)] = platform.query("select quarantine_key from image_catalog.image")
    assert platform.keys(platform.settings.quarantine_bucket) == {quarantine_key}
    assert_counts_add_up(platform)


def test_what_is_really_too_large_is_rejected_again_and_never_read(platform):
    platform.produce([b"x" * (10 * 1024 * 1024 + 1)])
    platform.land()
    before = platform.query("select * from image_catalog.image")
    send_again(platform, Reason.TOO_LARGE)
    platform.process()
    [after] = platform.query("select * from image_catalog.image")
    assert platform.states() == {"too_large": 1}
    assert [before[0][0], before[0][1]] == [after[0], after[1]]
    assert len(platform.keys(platform.settings.quarantine_bucket)) == 1


def test_broken_files_are_rejected_again_under_the_same_quarantine_keys(platform):
    reject_broken_files(platform)
    states = platform.states()
    statement = "select image_id, reason_code, quarantine_key from image_catalog.image order by 1"
    before = platform.query(statement)
    sent = sum(send_again(platform, reason) for reason in Reason)
    assert (sent, platform.states()) == (len(before), {"waiting": len(before)})
    platform.process()
    assert platform.query(statement) == before
    assert platform.states() == states
    assert platform.keys(platform.settings.quarantine_bucket) == {key for _, _, key in before}
    assert_counts_add_up(platform)


def test_an_empty_message_is_rejected_as_empty_again(platform):
    platform.produce([b""])
    platform.land()
    assert send_again(platform, Reason.EMPTY) == 1
    platform.process()
    assert platform.states() == {"empty": 1}


def test_an_image_that_was_given_up_has_all_its_chances_again(platform, pictures):
    platform.drop("cursed.jpg", pictures[0].body)
    platform.register()
    for run in range(leases.MAX_ATTEMPTS):
        with platform.warehouse.connect() as connection:
            leases.claim(connection, lease_request(NOW.date(), f"run {run}"), 1)
            leases.release_leases(connection, f"run {run}", counts_as_attempt=True)
    platform.process()
    assert platform.states() == {"gave_up": 1}
    send_again(platform, Reason.GAVE_UP)
    platform.process()
    assert platform.states() == {"processed": 1}


def test_an_object_that_has_come_back_is_found_in_the_raw_bucket(platform, pictures):
    body = pictures[0].body
    missing = Arrival(
        image_id=identity.image_id("bucket", "late"),
        arrived_at=NOW,
        source="bucket",
        origin="late",
        object_key="late.jpg",
        object_version=None,
        size_bytes=len(body),
    )
    with platform.warehouse.connect() as connection:
        ledger.register(connection, [missing], NOW, None)
    platform.process()
    assert platform.states() == {"object_missing": 1}
    send_again(platform, Reason.OBJECT_MISSING)
    platform.process()
    assert platform.states() == {"object_missing": 1}
    platform.drop("late.jpg", body)
    send_again(platform, Reason.OBJECT_MISSING)
    platform.process()
    assert platform.states() == {"processed": 1}
    assert_counts_add_up(platform)


def test_only_the_chosen_images_wait_again(platform, pictures):
    platform.produce([b"", b"not an image", pictures[0].body])
    platform.drop("letter.txt", b"not an image")
    platform.land()
    platform.register()
    platform.process()
    before = platform.states()
    assert send_again(platform, Reason.NOT_AN_IMAGE, source="upload") == 0
    assert send_again(platform, Reason.NOT_AN_IMAGE, since=datetime.now(UTC)) == 0
    assert platform.states() == before
    assert send_again(platform, Reason.NOT_AN_IMAGE, source="bucket", since=NOW) == 1
    assert platform.query(
        "select source, count(*) from image_catalog.image where state = 'waiting' group by 1"
    ) == [("bucket", 1)]


def test_what_retention_is_about_to_take_is_left_alone(platform):
    reject_broken_files(platform)
    [(latest,)] = platform.query(
        "select max(arrived_at) from image_catalog.image where reason_code = 'not_an_image'"
    )
    age = platform.settings.purge_age
    assert send_again(platform, Reason.NOT_AN_IMAGE, now=latest + age) == 0
    assert send_again(platform, Reason.NOT_AN_IMAGE, now=latest + age - timedelta(seconds=1)) > 0


def test_the_counts_by_reason_are_those_of_the_choice(platform):
    reject_broken_files(platform)
    expected = platform.states()
    age = platform.settings.purge_age
    with platform.warehouse.connect() as connection:
        chosen = Selection(Reason.CORRUPT)
        assert count_rejected(connection, chosen, NOW, age) == expected
        assert count_rejected(connection, Selection(Reason.CORRUPT, "kafka"), NOW, age) == {}
        assert count_rejected(connection, chosen, NOW + timedelta(days=7), age) == {}


def test_the_command_shows_counts_and_asks_before_it_sends_anything(platform, own_command):
    reject_broken_files(platform)
    before = platform.states()
    refused = own_command("images", "requeue", "not_an_image", answer="n\n")
    assert refused.exit_code == 1
    for reason, count in before.items():
        assert any(reason in line and str(count) in line for line in refused.output.splitlines()), (
            refused.output
        )
    assert platform.states() == before
    agreed = own_command("images", "requeue", "not_an_image", answer="y\n")
    assert (agreed.exit_code, " requeued;" in agreed.output) == (0, True), agreed.output
    assert platform.states()["waiting"] == before["not_an_image"]


def test_the_command_does_not_ask_when_told_so(platform, own_command):
    reject_broken_files(platform)
    assert (
        own_command("images", "requeue", "truncated", "--source", "bucket", "--yes").exit_code == 0
    )
    assert platform.states()["waiting"] > 0


def test_the_command_says_when_there_is_nothing_to_send(platform, own_command):
    done = own_command("images", "requeue", "decoder_died", "--since", "2026-01-31")
    assert done.exit_code == 0
    assert "No image rejected as decoder_died" in done.output
