"""Renditions that another recipe, or a rejection, has replaced are noted and never forgotten."""

import pytest

from assets.catalog import leases, outcomes
from assets.catalog.checks import balance
from assets.catalog.records import Rejected
from assets.validation.reasons import Reason
from tests.integration.catalogue import (
    LATER,
    NOW,
    OTHER,
    STANDARD,
    Catalogue,
    key_of,
    lease_request,
    processed,
)


@pytest.fixture
def catalogue(platform) -> Catalogue:
    return Catalogue(platform)


def test_renditions_of_another_recipe_replace_the_old_ones_which_are_noted(platform, catalogue):
    [claim] = catalogue.claimed()
    catalogue.write(processed(claim, recipe=STANDARD))
    [again] = catalogue.claim_again(OTHER)
    assert catalogue.write(processed(again, recipe=OTHER, names=("medium", "tiny")), now=LATER) == 1
    assert catalogue.rendition_keys() == {key_of(claim, OTHER, n) for n in ("medium", "tiny")}
    assert platform.query(
        "select object_key, image_id, recipe_hash from image_catalog.replaced_object order by 1"
    ) == [
        (key_of(claim, STANDARD, n), claim.image_id, STANDARD.hash) for n in ("medium", "thumbnail")
    ]
    assert catalogue.claim_again(OTHER) == []


def test_an_image_that_is_processed_once_more_was_finished_when_it_first_was(platform, catalogue):
    catalogue.write(*map(processed, catalogue.claimed()))
    [again] = catalogue.claim_again(OTHER)
    catalogue.write(processed(again, recipe=OTHER), now=LATER)
    assert platform.query("select finished_at, recipe_hash from image_catalog.image") == [
        (NOW, OTHER.hash)
    ]


def test_a_recipe_that_comes_back_gets_its_renditions_back(platform, catalogue):
    catalogue.write(*map(processed, catalogue.claimed()))
    for recipe in (OTHER, STANDARD):
        catalogue.write(
            *(processed(claim, recipe=recipe) for claim in catalogue.claim_again(recipe))
        )
    hashes = platform.query("select distinct recipe_hash from image_catalog.rendition")
    assert hashes == [(STANDARD.hash,)]
    noted = platform.query("select distinct recipe_hash from image_catalog.replaced_object")
    assert noted == [(OTHER.hash,)]


def test_an_image_rejected_after_it_was_processed_leaves_no_rendition(platform, catalogue):
    [claim] = catalogue.claimed()
    catalogue.write(processed(claim))
    kept = catalogue.rendition_keys()
    [again] = catalogue.claim_again(OTHER)
    assert catalogue.write(Rejected(again, Reason.DECODER_DIED, "there"), now=LATER) == 1
    assert (catalogue.rendition_keys(), catalogue.replaced_keys()) == (set(), kept)
    assert platform.query("select state, finished_at, format from image_catalog.image") == [
        ("rejected", LATER, None)
    ]


def test_a_rendition_that_is_stored_again_is_not_to_be_deleted_any_more(platform, catalogue):
    [claim] = catalogue.claimed()
    catalogue.write(processed(claim))
    kept = catalogue.rendition_keys()
    [again] = catalogue.claim_again(OTHER)
    catalogue.write(Rejected(again, Reason.DECODER_DIED, "there"))
    platform.query(
        "update image_catalog.image set state = 'waiting', reason_code = null, "
        "finished_at = null returning 1"
    )
    with platform.warehouse.connect() as connection:
        [waiting] = leases.claim(connection, lease_request(NOW.date()), 1)
    assert catalogue.write(processed(waiting)) == 1
    assert (catalogue.rendition_keys(), catalogue.replaced_keys()) == (kept, set())


def test_what_a_claimed_image_is_about_to_be_given_is_not_deleted_meanwhile(platform, catalogue):
    [claim] = catalogue.claimed()
    catalogue.write(processed(claim, recipe=STANDARD))
    catalogue.write(*(processed(one, recipe=OTHER) for one in catalogue.claim_again(OTHER)))
    assert len(catalogue.replaced_keys()) == 2
    [again] = catalogue.claim_again(STANDARD)
    assert again.image_id == claim.image_id
    assert catalogue.replaced_keys() == set()


def test_old_renditions_are_noted_in_the_transaction_that_replaces_them(platform, catalogue):
    catalogue.write(*map(processed, catalogue.claimed()))
    [again] = catalogue.claim_again(OTHER)
    before = catalogue.everything()

    def killed() -> None:
        with platform.warehouse.connect() as connection:
            assert (
                outcomes.write(connection, "a run", [processed(again, recipe=OTHER)], NOW, None)
                == 1
            )
            raise RuntimeError("the run is killed")

    with pytest.raises(RuntimeError, match="the run is killed"):
        killed()
    assert catalogue.everything() == before


def test_the_counts_balance_whatever_comes_of_the_images(platform, catalogue):
    made = catalogue.claimed(6)
    catalogue.write(*map(processed, made[:3]), Rejected(made[3], Reason.CORRUPT, "there"))
    again = catalogue.claim_again(OTHER)
    catalogue.write(
        processed(again[0], recipe=OTHER), Rejected(again[1], Reason.DECODER_TIMEOUT, "there")
    )
    assert platform.states() == {"processed": 2, "corrupt": 1, "decoder_timeout": 1, "waiting": 2}
    with platform.warehouse.connect() as connection:
        assert (balance(connection)["difference"] == 0).all()
