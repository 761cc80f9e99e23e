"""IMAGE_PROCESSOR names a function: the platform's own, or the company's."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from assets.catalog.facts import ImageFacts
from assets.processing.entry_point import ProcessorError, find_processor
from assets.processing.processor import process
from assets.processing.recipe import Recipe
from assets.processing.result import ProcessedImage
from assets.settings import Settings
from tests.unit.pictures import STANDARD

PILLOW_PROCESSOR = "assets.processing.processor:process"
BODY = b"anything"


def companys_own(body: bytes, recipe: Recipe) -> ProcessedImage:
    facts = ImageFacts("RAW", "RGB", len(body), len(recipe.renditions), b"")
    return ProcessedImage(facts, (), "company 7")


class Toolbox:
    @staticmethod
    def work(body: bytes, recipe: Recipe) -> ProcessedImage:
        return companys_own(body, recipe)


def test_the_platforms_own_is_the_default() -> None:
    assert Settings.model_fields["image_processor"].default == PILLOW_PROCESSOR
    assert find_processor(PILLOW_PROCESSOR) is process


@pytest.mark.parametrize("name", ["companys_own", "Toolbox.work"])
def test_a_function_of_the_companys_is_found_and_used(name: str) -> None:
    processed = find_processor(f"{__name__}:{name}")(BODY, STANDARD)
    assert (processed.processor, processed.facts.width_px) == ("company 7", len(BODY))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("", "cannot be loaded: "),
        ("no such thing", "cannot be loaded: "),
        ("company.images:work", "cannot be loaded: No module named 'company'"),
        (f"{__name__}:nothing", "cannot be loaded: module .* has no attribute 'nothing'"),
        (f"{__name__}:BODY", "is no function"),
        (f"{__name__}.companys_own", "is no function"),
        (__name__, "is no function"),
    ],
)
def test_what_is_no_function_is_refused_with_what_to_write(name: str, told: str) -> None:
    with pytest.raises(ProcessorError, match=told) as refused:
        find_processor(name)
    assert str(refused.value).startswith(f"IMAGE_PROCESSOR={name} ")
    assert "package.module:function" in str(refused.value)


def test_a_module_that_lacks_a_package_is_told_with_that_packages_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "company_images.py").write_text("import company_codec\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ProcessorError, match="No module named 'company_codec'"):
        find_processor("company_images:work")
    assert "company_images" not in sys.modules
