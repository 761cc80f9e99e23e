"""A small part of `darkroom fuzz`: every file is explained, and an unexpected outcome is found."""

from dataclasses import replace
from itertools import islice

import pytest

from assets.processing.contract import Rendition
from assets.processing.processor import process
from assets.processing.recipe import read_recipe
from assets.timing import utc_now
from assets.validation.reasons import Reason
from tests.campaigns.fuzz import campaign
from tests.campaigns.fuzz.campaign import Campaign, hostile_files, report_of, run_campaign
from tests.campaigns.fuzz.damage import damage_at_random
from tests.campaigns.fuzz.files import CANARY, HostileFile, expecting
from tests.campaigns.fuzz.samples import samples

PILLOW_PROCESSOR = "assets.processing.processor:process"
STANDARD = read_recipe("standard")
SEED = 5
VALID_IMAGE = samples()["JPEG"]


def sample() -> list[HostileFile]:
    """A few files of every kind that does not take long on purpose."""
    by_kind: dict[str, list[HostileFile]] = {}
    for file in hostile_files(2000, SEED):
        by_kind.setdefault(file.kind, []).append(file)
    quick = by_kind.keys() - {"bomb", "frames", "directories"}
    return [file for kind in sorted(quick) for file in by_kind[kind][:4]]


@pytest.fixture(scope="module")
def finished() -> Campaign:
    extra = HostileFile("trap", "a valid JPEG", lambda: VALID_IMAGE, expecting(Reason.EMPTY))
    return run_campaign([*sample(), extra], PILLOW_PROCESSOR, 1, lambda _: None)


def test_every_file_of_a_sample_is_processed_or_rejected_with_a_reason(finished: Campaign) -> None:
    reasons = {one.outcome for one in finished.results}
    assert reasons <= {"processed", *map(str, Reason)}
    assert len(finished.results) == len(sample()) + 1
    assert len(reasons) > 5


def test_only_the_trap_has_an_unexpected_outcome(finished: Campaign) -> None:
    assert [(one.file.kind, one.problem) for one in finished.failures] == [
        ("trap", "processed, not empty")
    ]


def test_no_file_made_the_processor_raise_anything_but_a_rejection(finished: Campaign) -> None:
    assert finished.raised == {}


def test_a_report_counts_every_file(finished: Campaign) -> None:
    figures = report_of(finished, SEED).figures
    outcomes = [count for name, count in figures.items() if name.startswith("outcome.")]
    assert figures["files"] == sum(outcomes) == len(finished.results)
    assert figures["not_as_expected"] == 1


def test_a_campaign_with_an_unexpected_outcome_fails(finished: Campaign) -> None:
    assert [bound.name for bound in report_of(finished, SEED).missed] == ["not as expected"]


def test_a_campaign_whose_parent_grows_too_much_fails(finished: Campaign) -> None:
    large = replace(finished, results=[], memory_bytes=[0, (64 << 20) + 1])
    assert [bound.name for bound in report_of(large, SEED).missed] == [
        "growth of the parent's memory"
    ]


def test_a_rendition_that_contains_hidden_data_is_a_problem() -> None:
    image = process(VALID_IMAGE, STANDARD)
    leaking = replace(image, renditions=(Rendition("medium", CANARY, "JPEG", 1, 1),))
    file = HostileFile("trap", "a leak", lambda: VALID_IMAGE)
    assert campaign._problem(file, VALID_IMAGE, image) is None
    assert (
        campaign._problem(file, VALID_IMAGE, leaking)
        == "a rendition contains hidden data of the file"
    )


def test_an_image_that_is_larger_than_allowed_and_processed_is_a_problem() -> None:
    image = process(VALID_IMAGE, STANDARD)
    large = replace(image, facts=replace(image.facts, width_px=6001, height_px=6000))
    file = HostileFile("trap", "a giant", lambda: VALID_IMAGE)
    assert campaign._problem(file, VALID_IMAGE, large) == "processed with 6001 by 6000 px, 1 frames"


def test_the_same_seed_makes_the_same_files() -> None:
    once, again = hostile_files(1200, SEED), hostile_files(1200, SEED)
    assert [file.name for file in once] == [file.name for file in again]
    assert [file.make() for file in once[:100]] == [file.make() for file in again[:100]]


def test_no_file_contains_the_time_at_which_it_was_made() -> None:
    [pdf] = [file for file in hostile_files(1000, SEED) if file.name == "PDF called photo.png"]
    assert b"D:19700101000000Z" in pdf.make()
    assert f"{utc_now():D:%Y}".encode() not in pdf.make()


def test_another_seed_makes_other_files() -> None:
    bodies = [[file.make() for file in islice(damage_at_random(seed), 100)] for seed in (1, 2)]
    assert bodies[0] != bodies[1]


@pytest.mark.parametrize("count", [1, 300, 5000])
def test_a_campaign_has_as_many_files_as_asked_for_and_none_twice(count: int) -> None:
    names = [(file.kind, file.name) for file in hostile_files(count, SEED)]
    assert len(names) == len(set(names)) == count


def test_five_thousand_files_include_all_handcrafted_ones() -> None:
    kinds = {file.kind for file in hostile_files(5000, SEED)}
    assert kinds >= {"bomb", "polyglot", "directories", "frames", "huge sides", "no size"}
    assert kinds >= {
        "metadata",
        "inconsistent chunks",
        "wrong extension",
        "truncation",
        "bit flips",
    }
