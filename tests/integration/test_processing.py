"""Waiting images become renditions; one bad image never holds up its neighbours."""

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from PIL import Image

from assets.catalog import leases, outcomes
from assets.catalog.records import Rejected
from assets.errors import ServerUnavailableError
from assets.processing.recipe import read_recipe
from assets.resources.object_store import ObjectStore
from assets.validation.reasons import Reason
from infra.demo.photographs import broken_files, photographs
from tests.integration.catalogue import lease_request

TODAY = datetime.now(UTC).date()


@pytest.fixture
def overrides() -> dict[str, str]:
    return {"RUN_LINGER_SECONDS": "0.2"}


def test_every_waiting_image_gets_its_renditions(platform, pictures):
    platform.produce([picture.body for picture in pictures])
    platform.land()
    platform.process()
    assert platform.states() == {"processed": len(pictures)}
    stored = platform.keys(platform.settings.processed_bucket)
    assert {
        key for (key,) in platform.query("select object_key from image_catalog.rendition")
    } == stored
    assert len(stored) == len(read_recipe("standard").renditions) * len(pictures)


def test_the_catalogue_tells_what_the_renditions_are(platform):
    [big] = photographs(1, megapixels=3)
    platform.drop("big.jpg", big.body)
    platform.register()
    platform.process()
    rows = platform.query(
        "select rendition_name, object_key, width_px, height_px, size_bytes "
        "from image_catalog.rendition order by width_px desc"
    )
    for name, key, width, height, size in rows:
        body = platform.object_store.get(platform.settings.processed_bucket, key)
        with Image.open(io.BytesIO(body)) as picture:
            assert (picture.size, len(body)) == ((width, height), size)
            assert max(picture.size) == {"medium": 1024, "thumbnail": 256}[name]


def test_broken_files_are_rejected_for_their_reasons_and_their_neighbours_processed(
    platform, pictures
):
    for number, file in enumerate([pictures[0], *broken_files(), pictures[1]]):
        platform.drop(f"{number}/{file.name}", file.body)
    platform.register()
    platform.process()
    expected = {"processed": 2}
    for file in broken_files():
        expected[file.expected_reason] = expected.get(file.expected_reason, 0) + 1
    assert platform.states() == expected


def test_the_bytes_of_a_rejected_image_are_in_quarantine(platform):
    for file in broken_files():
        platform.drop(file.name, file.body)
    platform.register()
    platform.process()
    rows = platform.query("select object_key, quarantine_key from image_catalog.image")
    quarantine = platform.settings.quarantine_bucket
    found = {key: platform.object_store.get(quarantine, quarantined) for key, quarantined in rows}
    assert found == {file.name: file.body for file in broken_files()}


def test_an_object_over_the_size_limit_is_rejected_unread_and_quarantined(platform):
    platform.drop("huge.jpg", b"x" * (10 * 1024 * 1024 + 1))
    platform.register()
    platform.process()
    assert platform.states() == {"too_large": 1}
    assert len(platform.keys(platform.settings.quarantine_bucket)) == 1


def test_an_object_that_somebody_deleted_is_rejected_as_missing(platform, pictures):
    platform.drop("gone.jpg", pictures[0].body)
    platform.register()
    rows = platform.query("select object_key, object_version from image_catalog.image")
    platform.object_store.delete(platform.settings.raw_bucket, rows)
    platform.process()
    assert platform.states() == {"object_missing": 1}


def test_images_of_another_day_are_left_alone(platform, pictures):
    platform.drop("today.jpg", pictures[0].body)
    platform.register()
    assert platform.process(day=TODAY - timedelta(days=1)).images == 0
    assert platform.states() == {"waiting": 1}


def test_a_run_that_lost_its_lease_changes_nothing(platform, pictures):
    platform.drop("slow.jpg", pictures[0].body)
    platform.register()
    with platform.warehouse.connect() as connection:
        [slow] = leases.claim(
            connection, lease_request(TODAY, "slow run", timedelta(seconds=-1)), 1
        )
    platform.process("fast run")
    with platform.warehouse.connect() as connection:
        late = Rejected(slow, Reason.CORRUPT, None)
        assert outcomes.write(connection, "slow run", [late], datetime.now(UTC), None) == 0
    assert platform.states() == {"processed": 1}


def test_an_image_that_five_runs_could_not_finish_is_given_up_and_quarantined(platform, pictures):
    platform.drop("cursed.jpg", pictures[0].body)
    platform.register()
    for run in range(leases.MAX_ATTEMPTS):
        with platform.warehouse.connect() as connection:
            leases.claim(connection, lease_request(TODAY, f"run {run}"), 1)
            leases.release_leases(connection, f"run {run}", counts_as_attempt=True)
    platform.process()
    assert platform.states() == {"gave_up": 1}
    assert len(platform.keys(platform.settings.quarantine_bucket)) == 1


def test_an_outage_during_a_batch_gives_every_image_back_without_blame(platform, pictures):
    platform.drop("a.jpg", pictures[0].body)
    platform.register()
    nowhere = platform.settings.model_copy(update={"aws_endpoint_url": "http://127.0.0.1:1"})
    unplugged = replace(platform, object_store=ObjectStore(nowhere))
    with pytest.raises(ServerUnavailableError, match="does not answer"):
        unplugged.process()
    rows = platform.query("select state, claimed_by, claim_count from image_catalog.image")
    assert rows == [("waiting", None, 0)]


def test_a_rendition_says_by_which_recipe_it_was_made(platform, pictures):
    platform.drop("a.jpg", pictures[0].body)
    platform.register()
    platform.process()
    recipe = read_recipe("standard")
    for key in platform.keys(platform.settings.processed_bucket):
        head = platform.object_store.s3.head_object(
            Bucket=platform.settings.processed_bucket, Key=key
        )
        assert head["Metadata"] == {"recipe": recipe.title, "recipe-hash": recipe.hash}
        assert head["ContentType"] == "image/jpeg"


def test_a_run_counts_what_it_has_done(platform, pictures):
    platform.produce([picture.body for picture in pictures] + [b"no image"])
    platform.land()
    tally = platform.process()
    assert (tally.images, tally.processed, tally.lost) == (9, 8, 0)
    assert tally.by_outcome["not_an_image"].images == 1
    assert tally.by_outcome["processed"].size_bytes == sum(len(one.body) for one in pictures)
    assert tally.busy_seconds > 0


def test_what_is_in_flight_is_bounded_and_one_image_goes_whatever_it_weighs(platform, pictures):
    platform.produce([picture.body for picture in pictures])
    platform.land()
    narrow = platform.settings.model_copy(update={"processing_bytes": 1, "processing_pixels": 1})
    replace(platform, settings=narrow).process()
    assert platform.states() == {"processed": len(pictures)}


def test_an_image_that_is_purged_while_it_is_processed_leaves_nothing(
    platform, pictures, monkeypatch
):
    """Its row goes when its renditions are stored and not yet in the ledger."""
    for name, body in (("a.jpg", pictures[0].body), ("b.jpg", b"no image")):
        platform.drop(name, body)
    platform.register()
    write = outcomes.write

    def purge_first(connection, *arguments):
        with platform.warehouse.connect() as another:
            another.execute("delete from image_catalog.image")
        return write(connection, *arguments)

    monkeypatch.setattr(outcomes, "write", purge_first)
    assert platform.process().lost == 2
    for bucket in (platform.settings.processed_bucket, platform.settings.quarantine_bucket):
        assert platform.keys(bucket) == set()
