"""A company's own processor in place of ours: what it makes, and what its faults cost."""

import io

import pytest
from PIL import Image

from assets.processing.contract import ProcessorError
from tests.integration.bucket import with_settings
from tests.integration.processing_runs import assert_bucket_is_what_the_catalogue_says
from tests.unit.hostile_processors import EVIL

HOSTILE = "tests.unit.hostile_processors:"


@pytest.fixture
def overrides() -> dict[str, str]:
    return {"RUN_LINGER_SECONDS": "0.2"}


def test_a_companys_own_function_processes_the_images(platform, pictures):
    own = with_settings(platform, image_processor="tests.integration.company_processor:process")
    platform.produce([picture.body for picture in pictures])
    platform.land()
    own.process()
    assert platform.states() == {"processed": len(pictures)}
    assert platform.query("select distinct processor from image_catalog.image") == [("acme 1.0",)]
    assert_bucket_is_what_the_catalogue_says(platform)
    for key in platform.keys(platform.settings.processed_bucket):
        body = platform.object_store.get(platform.settings.processed_bucket, key)
        with Image.open(io.BytesIO(body)) as picture:
            assert (picture.mode, picture.size) == ("L", (32, 32))


def test_what_its_code_raises_with_one_image_costs_that_image(platform, pictures):
    own = with_settings(platform, image_processor="tests.integration.company_processor:process")
    platform.drop("a.jpg", b"no image")
    platform.drop("b.jpg", pictures[0].body)
    platform.register()
    summary = own.process()
    assert platform.states() == {"processed": 1, "processor_failed": 1}
    [(what, times)] = summary.failures.items()
    assert (what.split()[0], times) == ("UnidentifiedImageError", 1)


@pytest.mark.parametrize(
    ("processor", "words"),
    [("broken", "AttributeError"), ("not_there", "cannot be loaded"), ("always_deadly", "down")],
)
def test_a_processor_that_can_process_nothing_fails_the_run_and_no_image(
    platform, pictures, processor, words
):
    platform.drop("a.jpg", pictures[0].body)
    platform.register()
    with pytest.raises(ProcessorError, match=words):
        with_settings(platform, image_processor=f"{HOSTILE}{processor}").process()
    rows = platform.query("select state, claimed_by, claim_count from image_catalog.image")
    assert rows == [("waiting", None, 0)]


def test_a_processor_that_breaks_during_a_run_fails_the_run_and_no_image(platform, pictures):
    platform.drop("a.jpg", pictures[0].body)
    platform.drop("b.jpg", EVIL)
    platform.drop("c.jpg", pictures[1].body)
    platform.register()
    broken = with_settings(platform, image_processor=f"{HOSTILE}broken_later")
    with pytest.raises(ProcessorError, match="its licence has ended"):
        broken.process()
    assert set(platform.states()) <= {"processed", "waiting"}
    rows = platform.query(
        "select distinct claimed_by, claim_count from image_catalog.image where state = 'waiting'"
    )
    assert rows == [(None, 0)]


def test_hostile_images_cost_themselves_and_no_neighbour(platform, pictures):
    for number, picture in enumerate(pictures):
        platform.drop(f"{number}.jpg", picture.body)
        platform.drop(f"{number}.evil", EVIL + bytes([number]))
    platform.register()
    with_settings(platform, image_processor=f"{HOSTILE}deadly").process()
    assert platform.states() == {"processed": len(pictures), "decoder_died": len(pictures)}
