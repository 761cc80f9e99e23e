"""Formats are told by the first bytes, and nothing that is taken is told as another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.validation.headers import ALLOWED_FORMATS, reject_unknown
from assets.validation.reasons import Reason
from assets.validation.signatures import SIGNATURE_BYTES, format_of, other_format_of
from services.upload_api.body import check_format
from services.upload_api.problems import ProblemError
from tests.unit.other_formats import OTHERS
from tests.unit.pictures import encoded, noise


@pytest.mark.parametrize("body", OTHERS.values(), ids=OTHERS.keys())
def test_a_known_format_that_is_not_taken_has_a_name_and_is_not_allowed(body: bytes) -> None:
    first = body[: 4 * SIGNATURE_BYTES]
    assert format_of(first) is None
    assert other_format_of(first)
    assert reject_unknown(first) is Reason.FORMAT_NOT_ALLOWED


@pytest.mark.parametrize("name", ALLOWED_FORMATS)
def test_what_is_taken_is_none_of_the_others(name: str) -> None:
    assert other_format_of(encoded(noise(), name)[:SIGNATURE_BYTES]) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"BM",
        b"BMW is a maker of cars, and this is a letter about one of them. " * 2,
        b"P6",
        b"P5 is a paper size",
        b"<?xml version='1.0'?><letter/>",
        b"<html><body><p>About svg.</p></body></html>",
        b"<svgish/>",
        b"\0\0\0\x18ftypisom\0\0\0\0mp42",
        b"\0\0\0\0ftyp",
        b"\xff\xff\xff\xffftypxxxx",
        b"GIF88a",
    ],
)
def test_what_only_begins_alike_is_no_image(body: bytes) -> None:
    assert other_format_of(body) is None
    assert reject_unknown(body) is Reason.NOT_AN_IMAGE


@given(st.binary(max_size=2 * SIGNATURE_BYTES))
def test_any_bytes_are_told_or_not_and_raise_nothing(first: bytes) -> None:
    assert not (format_of(first) and other_format_of(first))


def detail(first: bytes) -> str:
    with pytest.raises(ProblemError) as refused:
        check_format(first)
    assert refused.value.kind.status == 415
    return refused.value.detail


def test_the_uploader_of_a_heic_file_is_told_its_format() -> None:
    told = detail(OTHERS["HEIC of a telephone"])
    assert told.startswith("By its first bytes the file is HEIC, which is not accepted, ")
    assert "JPEG" in told


def test_the_uploader_of_a_text_is_told_the_accepted_formats() -> None:
    told = detail(b"Dear photograph, I am a letter.")
    assert all(name in told for name in ALLOWED_FORMATS)
