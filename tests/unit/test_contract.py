"""What a processor may return: everything else is its fault, and told where it returns it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from assets.processing.contract import BrokenContractError, checked, self_test_image
from assets.processing.processor import process
from assets.processing.recipe import read_recipe
from assets.processing.result import ProcessedImage

STANDARD = read_recipe("standard")
MADE = process(self_test_image(), STANDARD)


def with_facts(**facts: object) -> ProcessedImage:
    return replace(MADE, facts=replace(MADE.facts, **facts))


def with_medium(**changes: object) -> ProcessedImage:
    medium, thumbnail = MADE.renditions
    return replace(MADE, renditions=(replace(medium, **changes), thumbnail))


def test_what_our_processor_returns_passes_as_it_is() -> None:
    assert checked(MADE, STANDARD) == MADE


def test_the_sound_picture_is_small_and_processed_by_our_processor() -> None:
    assert (MADE.facts.format, MADE.facts.width_px, MADE.facts.height_px) == ("JPEG", 256, 256)


def test_numbers_of_numpy_become_pythons_own() -> None:
    facts = checked(with_facts(width_px=np.int64(5), brightness=np.float32(0.5)), STANDARD).facts
    assert (type(facts.width_px), type(facts.brightness)) == (int, float)
    assert (facts.width_px, facts.brightness) == (5, 0.5)


def test_a_processor_may_say_little() -> None:
    silent = with_facts(
        brightness=None, contrast=None, sharpness=None, perceptual_hash=None, dominant_colours=()
    )
    assert checked(silent, STANDARD) == silent


@pytest.mark.parametrize("returned", [None, b"bytes", MADE.renditions, ProcessedImage])
def test_what_is_no_result_is_refused(returned: object) -> None:
    with pytest.raises(BrokenContractError, match="not ProcessedImage"):
        checked(returned, STANDARD)


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (with_facts(width_px=0), "width_px is not between"),
        (with_facts(height_px=2**31), "height_px is not between"),
        (with_facts(frames=0), "frames is not between"),
        (with_facts(orientation=9), "orientation is not between 1 and 8"),
        (with_facts(perceptual_hash=2**63), "perceptual_hash is not between"),
        (with_facts(sha256=b"short"), "sha256 has 5 bytes"),
        (with_facts(captured_at=datetime(2024, 5, 1, tzinfo=UTC)), "has a time zone"),
        (with_facts(brightness=float("nan")), "brightness is no finite number"),
        (with_facts(sharpness=1e300), "sharpness is no finite number"),
        (with_facts(width_px="wide"), "width_px: "),
        (with_facts(format=None), "format: "),
        (replace(MADE, facts=None), "no dataclass"),
        (replace(MADE, renditions=MADE.renditions[:1]), "the recipe wants"),
        (replace(MADE, renditions=(*reversed(MADE.renditions),)), "the recipe wants"),
        (replace(MADE, renditions=(b"a", b"b")), "no dataclass"),
        (with_medium(body=b""), "is no JPEG, PNG or WEBP file"),
        (with_medium(format="BMP"), "is no JPEG, PNG or WEBP file"),
        (with_medium(width_px=0), "has no size"),
    ],
)
def test_what_the_catalogue_cannot_take_is_refused_with_a_reason(
    returned: ProcessedImage, words: str
) -> None:
    with pytest.raises(BrokenContractError, match=words):
        checked(returned, STANDARD)


def test_a_refusal_does_not_repeat_what_was_read_out_of_the_image() -> None:
    with pytest.raises(BrokenContractError) as refused:
        checked(with_facts(width_px="secret"), STANDARD)
    assert "secret" not in str(refused.value)
