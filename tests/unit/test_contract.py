"""What a processor is and what it may return; anything else is refused where it returns it."""

import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from assets.catalog.facts import ImageFacts, Seconds
from assets.processing.contract import (
    BrokenContractError,
    ProcessedImage,
    ProcessorError,
    find_processor,
    self_test_image,
    validate_result,
)
from assets.processing.processor import process
from assets.processing.recipe import Recipe, read_recipe
from assets.settings import Settings

PILLOW_PROCESSOR = "assets.processing.processor:process"
STANDARD = read_recipe("standard")
MADE = process(self_test_image(), STANDARD)


def with_facts(**facts: object) -> ProcessedImage:
    return replace(MADE, facts=replace(MADE.facts, **facts))


def with_medium(**changes: object) -> ProcessedImage:
    medium, thumbnail = MADE.renditions
    return replace(MADE, renditions=(replace(medium, **changes), thumbnail))


def test_what_our_processor_returns_passes_as_it_is() -> None:
    assert validate_result(MADE, STANDARD) == MADE


def test_the_self_test_image_is_small_and_processed_by_our_processor() -> None:
    facts = MADE.facts
    assert (facts.format, facts.mode, facts.width_px, facts.height_px) == ("JPEG", "RGB", 256, 256)


def test_numbers_of_numpy_become_pythons_own() -> None:
    facts = validate_result(
        with_facts(width_px=np.int64(5), brightness=np.float32(0.5)), STANDARD
    ).facts
    assert (type(facts.width_px), type(facts.brightness)) == (int, float)
    assert (facts.width_px, facts.brightness) == (5, 0.5)


def test_a_processor_may_say_little() -> None:
    silent = with_facts(
        brightness=None, contrast=None, sharpness=None, perceptual_hash=None, dominant_colours=()
    )
    assert validate_result(silent, STANDARD) == silent


@pytest.mark.parametrize(
    "returned",
    [
        with_facts(width_px=1, height_px=2**31 - 1, frames=2**31 - 1),
        with_facts(orientation=1, perceptual_hash=-(2**63)),
        with_facts(orientation=8, perceptual_hash=2**63 - 1),
        with_medium(width_px=1, height_px=2**31 - 1),
        with_medium(width_px=2**31 - 1, height_px=1),
    ],
)
def test_the_smallest_and_largest_values_are_accepted(returned: ProcessedImage) -> None:
    assert validate_result(returned, STANDARD) == returned


@pytest.mark.parametrize("returned", [None, b"bytes", MADE.renditions, ProcessedImage])
def test_anything_but_a_result_is_refused(returned: object) -> None:
    with pytest.raises(BrokenContractError, match="not ProcessedImage"):
        validate_result(returned, STANDARD)


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (with_facts(width_px=0), "width_px is not between"),
        (with_facts(height_px=2**31), "height_px is not between"),
        (with_facts(frames=0), "frames is not between"),
        (with_facts(orientation=9), "orientation is not between 1 and 8"),
        (with_facts(perceptual_hash=2**63), "perceptual_hash is not between"),
        (with_facts(sha256=b"short"), "sha256 has 5 bytes"),
        (
            with_facts(captured_at=datetime(2024, 5, 1, tzinfo=UTC)),
            "^captured_at has a time zone, which no camera's clock has$",
        ),
        (with_facts(brightness=float("nan")), "brightness is not a finite number"),
        (with_facts(sharpness=1e30), "sharpness is not a finite number"),
        (replace(MADE, seconds=Seconds(decode=float("inf"))), "decode is not a finite number"),
        (with_facts(width_px="wide"), "width_px: "),
        (with_facts(dominant_colours=(1,)), r"^dominant_colours\.0: "),
        (with_facts(format=None), "format: "),
        (replace(MADE, facts=None), "^a part of it is not a dataclass$"),
        (replace(MADE, renditions=MADE.renditions[:1]), "the recipe wants"),
        (replace(MADE, renditions=(*reversed(MADE.renditions),)), "the recipe wants"),
        (replace(MADE, renditions=(b"a", b"b")), "not a dataclass"),
        (with_medium(body=b""), "is not a JPEG, PNG or WEBP file"),
        (with_medium(format="BMP"), "is not a JPEG, PNG or WEBP file"),
        (with_medium(width_px=0), "has no valid size"),
        (with_medium(height_px=0), "has no valid size"),
        (with_medium(height_px=2**31), "has no valid size"),
    ],
)
def test_what_the_catalogue_cannot_take_is_refused_with_a_reason(
    returned: ProcessedImage, words: str
) -> None:
    with pytest.raises(BrokenContractError, match=words):
        validate_result(returned, STANDARD)


def test_a_refusal_does_not_repeat_what_was_read_out_of_the_image() -> None:
    with pytest.raises(BrokenContractError) as refused:
        validate_result(with_facts(width_px="secret"), STANDARD)
    assert "secret" not in str(refused.value)


BODY = b"anything"


def company_processor(body: bytes, recipe: Recipe) -> ProcessedImage:
    facts = ImageFacts("RAW", "RGB", len(body), len(recipe.renditions), b"")
    return ProcessedImage(facts, (), "company 7")


class Toolbox:
    @staticmethod
    def work(body: bytes, recipe: Recipe) -> ProcessedImage:
        return company_processor(body, recipe)


def test_the_platforms_own_is_the_default() -> None:
    assert Settings.model_fields["image_processor"].default == PILLOW_PROCESSOR
    assert find_processor(PILLOW_PROCESSOR) is process


@pytest.mark.parametrize("name", ["company_processor", "Toolbox.work"])
def test_a_function_of_the_company_is_found_and_used(name: str) -> None:
    processed = find_processor(f"{__name__}:{name}")(BODY, STANDARD)
    assert (processed.processor, processed.facts.width_px) == ("company 7", len(BODY))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "cannot be loaded: "),
        ("no such thing", "cannot be loaded: "),
        ("company.images:work", "cannot be loaded: No module named 'company'"),
        (f"{__name__}:nothing", "cannot be loaded: module .* has no attribute 'nothing'"),
        (f"{__name__}:BODY", "is not a function"),
        (f"{__name__}.company_processor", "is not a function"),
        (__name__, "is not a function"),
    ],
)
def test_anything_but_a_function_is_refused_with_what_to_write(name: str, message: str) -> None:
    with pytest.raises(ProcessorError, match=message) as refused:
        find_processor(name)
    assert str(refused.value).startswith(f"IMAGE_PROCESSOR={name} ")
    assert "package.module:function" in str(refused.value)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "company.images:work",
            "IMAGE_PROCESSOR=company.images:work cannot be loaded: No module named 'company'. "
            "Write package.module:function, and install the package.",
        ),
        (
            "json",
            "IMAGE_PROCESSOR=json is not a function: write package.module:function.",
        ),
    ],
)
def test_a_refused_processor_is_reported_in_full_sentences(name: str, sentence: str) -> None:
    with pytest.raises(ProcessorError) as refused:
        find_processor(name)
    assert str(refused.value) == sentence


def test_a_module_that_lacks_a_package_is_refused_with_the_name_of_that_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "company_images.py").write_text("import company_codec\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ProcessorError, match="No module named 'company_codec'"):
        find_processor("company_images:work")
    assert "company_images" not in sys.modules
