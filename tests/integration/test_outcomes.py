"""What a run found out of its images is in the catalogue, once."""

from dataclasses import replace
from datetime import datetime

import pytest

from assets.catalog import outcomes
from assets.catalog.facts import ImageFacts
from assets.catalog.records import Rejected
from assets.errors import ItemRefusedError
from assets.validation.reasons import Reason
from tests.integration.catalogue import (
    DIGEST,
    LATER,
    NOW,
    SMALL_FACTS,
    STANDARD,
    Catalogue,
    key_of,
    processed,
)


@pytest.fixture
def catalogue(platform) -> Catalogue:
    return Catalogue(platform)


def test_everything_that_was_found_out_is_in_the_row_of_the_image(platform, catalogue):
    facts = ImageFacts(
        format="WEBP",
        mode="RGBA",
        width_px=4000,
        height_px=3000,
        sha256=DIGEST,
        frames=12,
        has_alpha=True,
        orientation=8,
        camera_make="Größe & Söhne",
        camera_model="Ⅳ\N{PILE OF POO}",
        captured_at=datetime(2026, 2, 28, 23, 59, 59),  # noqa: DTZ001 - has no zone
        brightness=0.5,
        contrast=0.25,
        sharpness=0.125,
        dominant_colours=("#000000", "#ffffff"),
        perceptual_hash=-(2**63),
    )
    [claim] = catalogue.claimed()
    assert catalogue.write(processed(claim, facts)) == 1
    assert platform.query(
        "select state, finished_at, claimed_by, lease_until, claim_count, format, mode, width_px, "
        "height_px, sha256, frames_count, has_alpha, orientation, camera_make, camera_model, "
        "captured_local_time, brightness, contrast, sharpness, dominant_colours, perceptual_hash, "
        "recipe, recipe_hash, processor, processing_seconds, fetch_seconds, wait_seconds, "
        "decode_seconds, render_seconds, encode_seconds, describe_seconds, store_seconds "
        "from image_catalog.image"
    ) == [
        (
            *("processed", NOW, None, None, 0, "WEBP", "RGBA", 4000, 3000, DIGEST, 12, True, 8),
            *(facts.camera_make, facts.camera_model, facts.captured_at, 0.5, 0.25, 0.125),
            *(["#000000", "#ffffff"], -(2**63), "standard v1", STANDARD.hash, "company 7"),
            *(7.125, 0.25, 0.5, 0.125, 1.0, 2.0, 4.0, 8.0),
        )
    ]
    assert platform.query(
        "select image_id, arrived_at, rendition_name, object_key, recipe_hash, format, width_px, "
        "height_px, size_bytes from image_catalog.rendition order by rendition_name"
    ) == [
        (
            *(claim.image_id, NOW, name, key_of(claim, STANDARD, name), STANDARD.hash),
            *("JPEG", 4, 3, 99),
        )
        for name in ("medium", "thumbnail")
    ]


def test_what_a_processor_does_not_say_is_null(platform, catalogue):
    [claim] = catalogue.claimed()
    assert catalogue.write(processed(claim)) == 1
    assert platform.query(
        "select frames_count, has_alpha, orientation, camera_make, camera_model, "
        "captured_local_time, brightness, contrast, sharpness, dominant_colours, perceptual_hash "
        "from image_catalog.image"
    ) == [(1, False, *[None] * 7, [], None)]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Camera\0Works", "CameraWorks"),
        ("Camera \ud800\udfff", "Camera"),
        ("\x1b[31mCamera\r\n", "[31mCamera"),
        ("x" * 100_000, "x" * 200),
        ("\0\0", None),
        ("", None),
    ],
)
def test_text_of_a_file_that_no_column_takes_stops_no_batch(platform, catalogue, said, kept):
    [odd, plain] = catalogue.claimed(2)
    facts = replace(SMALL_FACTS, camera_make=said, camera_model=said, mode=said or "L")
    assert catalogue.write(processed(odd, facts), processed(plain)) == 2
    assert platform.query(
        f"select camera_make, camera_model from image_catalog.image "
        f"where image_id = '{odd.image_id}'"
    ) == [(kept, kept)]


def test_a_rejected_image_keeps_the_digest_that_its_door_has_seen(platform, catalogue):
    [claim] = catalogue.claimed(sha256=DIGEST)
    assert catalogue.write(Rejected(claim, Reason.CORRUPT, "quarantined")) == 1
    assert platform.query(
        "select state, reason_code, quarantine_key, finished_at, sha256, format, recipe_hash "
        "from image_catalog.image"
    ) == [("rejected", "corrupt", "quarantined", NOW, DIGEST, None, None)]


def test_nothing_to_write_is_nothing_finished(catalogue):
    assert catalogue.write() == 0


def test_the_same_outcomes_again_change_nothing(platform, catalogue):
    fine, broken = catalogue.claimed(2)
    made = (processed(fine), Rejected(broken, Reason.CORRUPT, "there"))
    assert catalogue.write(*made) == 2
    before = catalogue.everything()
    assert catalogue.write(*made, now=LATER) == 0
    assert catalogue.everything() == before


def test_a_run_writes_the_images_that_it_holds_and_no_other(platform, catalogue):
    [lost] = catalogue.claimed(run_id="another run")
    held = catalogue.claimed(2)
    assert catalogue.write(*map(processed, [lost, *held])) == 2
    assert platform.states() == {"waiting": 1, "processed": 2}
    kept = {key_of(claim, STANDARD, n) for claim in held for n in ("medium", "thumbnail")}
    assert catalogue.rendition_keys() == kept


def test_two_groups_of_outcomes_go_into_one_transaction(platform, catalogue):
    first, second = catalogue.claimed(2)
    with platform.warehouse.connect() as connection:
        assert outcomes.write(connection, "a run", [processed(first)], NOW, None) == 1
        assert outcomes.write(connection, "a run", [processed(second)], NOW, None) == 1
    assert platform.states() == {"processed": 2}


def test_one_impossible_value_fails_the_whole_batch_and_writes_nothing(platform, catalogue):
    good, bad = catalogue.claimed(2)
    before = catalogue.everything()
    with pytest.raises(ItemRefusedError, match="CheckViolation"):
        catalogue.write(processed(good), processed(bad, replace(SMALL_FACTS, orientation=9)))
    assert catalogue.everything() == before


def test_a_new_day_has_every_index_and_statistic_of_the_catalogue(platform, catalogue):
    catalogue.claimed()
    parts = platform.query(
        """
        select
            (select count(*) from pg_index where indrelid = one.relation),
            (select count(*) from pg_statistic_ext where stxrelid = one.relation)
        from (values
            ('image_catalog.image'::regclass), ('image_catalog.image_20260301'::regclass)
        ) as one (relation)
        """
    )
    assert parts == [(12, 4), (12, 4)]
