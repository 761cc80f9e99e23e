"""Reasons of rejections are told to uploaders in the words that analysts read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from assets.validation.reasons import Reason
from services.upload_api.reasons import EXPLANATIONS

VIEW = Path(__file__).parents[2] / "dbt_project/models/marts/images/view_image_rejections.sql"
ENTRY = re.compile(r"\(\s*'(\w+)',\s*'([^']*)',\s*'([^']*)'\s*\)")


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_told_in_the_words_of_the_view(reason: Reason) -> None:
    told = {code: f"{what} {advice}" for code, what, advice in ENTRY.findall(VIEW.read_text())}
    assert EXPLANATIONS[reason] == told[reason]
