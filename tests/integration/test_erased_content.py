"""Erased bytes stay erased under any id; from somebody else they are a new image."""

from datetime import UTC, datetime, timedelta

import pytest

from assets.catalog import erased
from assets.catalog.erased import ErasureKeyError
from assets.catalog.requeue import Selection, requeue
from assets.ingestion.kafka.replay import Replay
from assets.ingestion.kafka.replay_range import ReplayRange
from assets.retention.erasure import Erasure
from assets.retention.erasure_requests import ErasureSelection
from assets.retention.purge import Purge
from assets.validation.reasons import Reason
from tests.integration.topic import fill, gaps_of, origins, recreate_topic, with_settings
from tests.unit.pictures import encoded, noise

JPEG, OTHER = (encoded(noise(size, size), "JPEG") for size in (300, 310))
ANN, BOB = ([("uploader", name)] for name in (b"ann", b"bob"))


def request(platform, condition: str = "true") -> int:
    rows = platform.query(f"select image_id from image_catalog.image where {condition}")
    return Erasure(platform).request(ErasureSelection(images=tuple(one for (one,) in rows)))


def erase(platform, condition: str = "true", now: datetime | None = None) -> None:
    Erasure(platform).run(request(platform, condition), now or datetime.now(UTC))


def contents(platform) -> list[bytes]:
    return [
        bytes(one)
        for (one,) in platform.query("select content_hash from image_catalog.erased_content")
    ]


def test_an_erased_message_stays_erased_in_a_recreated_topic_and_its_neighbour_lands(platform):
    fill(platform, 0, [JPEG, OTHER])
    platform.land()
    erase(platform, "origin like '%/0/0'")
    recreate_topic(platform)
    fill(platform, 0, [JPEG, OTHER])
    landed = platform.land()
    assert (landed.messages, landed.new_images) == (2, 1)
    assert origins(platform) == {"0/1", "~1/0/1"}
    assert gaps_of(platform) == []


def test_nothing_of_a_repeated_message_is_left_or_taken_for_a_drop(platform):
    fill(platform, 0, [JPEG])
    platform.land()
    erase(platform)
    fill(platform, 1, [JPEG])
    platform.land()
    sweeping = with_settings(platform, sweep_interval_seconds=3600)
    sweeping.register()
    Purge(platform).run(datetime.now(UTC) + timedelta(hours=2))
    assert platform.states() == {}
    assert platform.keys(platform.settings.raw_bucket) == set()


def test_a_replay_of_another_incarnation_brings_nothing_back(platform):
    fill(platform, 0, [JPEG])
    platform.land()
    recreate_topic(platform)
    platform.land()
    erase(platform)
    fill(platform, 0, [JPEG])
    replayed = Replay(platform).run(ReplayRange(partition=0, first_offset=0))
    assert (replayed.messages, replayed.new_images) == (1, 0)


def test_an_image_whose_erasure_is_only_requested_does_not_return_either(platform):
    fill(platform, 0, [JPEG])
    platform.land()
    request(platform)
    fill(platform, 1, [JPEG])
    assert platform.land().new_images == 0
    assert platform.query("select count(*) from image_catalog.image") == [(1,)]


@pytest.mark.parametrize(("headers", "new_images"), [(ANN, 0), (BOB, 1), ([], 1)])
def test_the_same_bytes_of_another_uploader_are_a_new_image(platform, headers, new_images):
    fill(platform, 0, [JPEG], ANN)
    platform.land()
    erase(platform)
    fill(platform, 0, [JPEG], headers)
    assert platform.land().new_images == new_images


def test_the_same_bytes_by_another_way_are_a_new_image(platform, upload_api):
    fill(platform, 0, [JPEG], [("uploader", b"shop")])
    platform.land()
    erase(platform)
    platform.drop("photo.jpg", JPEG)
    platform.register()
    assert upload_api.send(JPEG).status_code == 201
    platform.process()
    assert platform.states() == {"processed": 2}


def test_a_drop_with_erased_bytes_is_withdrawn_when_they_are_read(platform):
    platform.drop("photo.jpg", JPEG)
    platform.register()
    platform.process()
    erase(platform)
    platform.drop("again.jpg", JPEG)
    platform.drop("another.jpg", OTHER)
    platform.register()
    platform.process()
    assert platform.query(
        "select object_key, state, withdrawn_at is null from image_catalog.image order by 1"
    ) == [("again.jpg", "waiting", False), ("another.jpg", "processed", True)]
    assert len(platform.keys(platform.settings.processed_bucket)) == 2
    Purge(platform).run(datetime.now(UTC))
    assert platform.keys(platform.settings.raw_bucket) == {"another.jpg"}


def test_bytes_that_nobody_had_read_before_their_erasure_stay_erased_too(platform):
    platform.drop("photo.jpg", JPEG)
    platform.drop("letter.jpg", b"Dear colleagues")
    platform.register()
    erase(platform)
    assert len(contents(platform)) == 2
    platform.drop("again.jpg", JPEG)
    platform.register()
    platform.process()
    Purge(platform).run(datetime.now(UTC))
    assert platform.states() == {}


def test_a_rejected_message_whose_twin_was_erased_is_withdrawn_when_it_is_requeued(platform):
    fill(platform, 0, [b"no image", b"no image"])
    platform.land()
    platform.process()
    erase(platform, "origin like '%/0/0'")
    with platform.warehouse.connect() as connection:
        settings, now = platform.settings, datetime.now(UTC)
        chosen = Selection(Reason.NOT_AN_IMAGE)
        assert requeue(connection, chosen, now, settings.purge_age) == 1
    platform.process()
    assert platform.query("select withdrawn_at is null from image_catalog.image") == [(False,)]


def test_an_image_that_is_processed_stays_when_its_twin_is_erased(platform):
    fill(platform, 0, [JPEG, JPEG])
    platform.land()
    platform.process()
    erase(platform, "origin like '%/0/0'")
    platform.process()
    assert platform.states() == {"processed": 1}


def test_an_erased_upload_is_refused_under_a_new_key_and_another_uploaders_is_taken(
    issue_key, platform, upload_api
):
    upload_api.send(JPEG, Idempotency_Key="k")
    erase(platform)
    refused = upload_api.send(JPEG, Idempotency_Key="another")
    assert (refused.status_code, refused.json()["title"]) == (410, "The image was deleted")
    assert upload_api.send(JPEG).status_code == 410
    assert upload_api.send(OTHER, Idempotency_Key="third").status_code == 201
    other = upload_api.of(issue_key("other"))
    assert other.send(JPEG).status_code == 201


def test_erased_bytes_are_taken_again_when_the_retention_has_passed(platform):
    fill(platform, 0, [JPEG])
    platform.land()
    now = datetime.now(UTC)
    erase(platform, now=now)
    Purge(platform).run(now + platform.settings.retention - timedelta(seconds=1))
    assert len(contents(platform)) == 1
    Purge(platform).run(now + platform.settings.retention)
    assert contents(platform) == []
    fill(platform, 1, [JPEG])
    assert platform.land().new_images == 1


def test_an_erasure_that_is_purged_with_its_day_stays_erased(platform):
    fill(platform, 0, [JPEG])
    platform.land()
    request(platform)
    Purge(platform).run(datetime.now(UTC) + platform.settings.purge_age + timedelta(days=2))
    assert len(contents(platform)) == 1


def test_the_database_holds_no_digest_of_erased_bytes(platform):
    fill(platform, 0, [JPEG])
    platform.land()
    [(digest,)] = platform.query("select sha256 from image_catalog.image")
    with platform.warehouse.connect() as connection:
        [content] = erased.read_contents(
            connection,
            [one for (one,) in platform.query("select image_id from image_catalog.image")],
        )
    erase(platform)
    [kept] = contents(platform)
    assert kept == content.hash(platform.settings.erasure_key)
    assert kept != digest


def test_without_a_key_nothing_is_registered_once_something_is_erased(platform):
    keyless = with_settings(platform, erasure_key=None)
    fill(platform, 0, [JPEG, OTHER])
    assert keyless.land().new_images == 2
    with pytest.raises(ErasureKeyError, match="ERASURE_KEY is not set"):
        erase(keyless, "origin like '%/0/0'")
    fill(platform, 0, [JPEG])
    with pytest.raises(ErasureKeyError):
        keyless.land()
