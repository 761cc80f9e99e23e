"""Every rejection reason has one explanation and one advice, for analysts and uploaders alike."""

import re
from collections import Counter
from pathlib import Path

import pytest

from assets.validation.reasons import Reason, rejection_texts
from assets.yaml_files import read_yaml

PROJECT = Path(__file__).parents[2] / "dbt_project/dbt_project.yml"
ENTRIES = read_yaml(PROJECT)["vars"]["rejection_reasons"]


def test_each_reason_has_exactly_one_entry() -> None:
    assert Counter(code for code, *_ in ENTRIES) == Counter(map(str, Reason))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry[0])
def test_explanation_and_advice_are_sentences(entry: list[str]) -> None:
    assert [text for text in entry[1:] if re.fullmatch(r"[A-Z].{10,}\.", text)] == entry[1:]
    assert len(entry) == 3


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry[0])
def test_uploaders_read_the_words_of_the_view(entry: list[str]) -> None:
    code, explanation, advice = entry
    assert rejection_texts()[Reason(code)] == f"{explanation} {advice}"
