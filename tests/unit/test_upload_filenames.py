"""File names and content types as callers write them, made fit for a ledger and for metadata."""

import json
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.upload_api.filenames import (
    clean,
    clean_filename,
    decoded,
    disposition_filename,
    encoded,
)

MAX_METADATA_BYTES = 2048


@given(st.text())
def test_a_clean_text_is_short_and_printable_and_cleaning_it_again_changes_nothing(
    text: str,
) -> None:
    cleaned = clean(text)
    if cleaned is not None:
        assert cleaned.isprintable()
        assert 0 < len(cleaned.encode()) <= 255
        assert clean(cleaned) == cleaned


@given(st.text(max_size=60).map(lambda text: "".join(filter(str.isprintable, text)).strip()))
def test_a_printable_text_is_kept(text: str) -> None:
    assert clean(text) == (text or None)


@pytest.mark.parametrize("text", [None, "", " ", "\n\0\t", "\u202e"])
def test_nothing_printable_is_nothing(text: str | None) -> None:
    assert clean(text) is None


def test_a_long_name_is_cut_between_characters() -> None:
    assert clean("ü" * 200) == "ü" * 127


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("a.jpg", "a.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ann\\a.jpg", "a.jpg"),
        ("/a/b/", None),
        (None, None),
    ],
)
def test_a_file_name_has_no_folders(name: str | None, kept: str | None) -> None:
    assert clean_filename(name) == kept


@given(st.text(min_size=1))
def test_a_name_comes_back_from_metadata_as_it_was(text: str) -> None:
    name = clean_filename(text)
    if name is not None:
        written = encoded(name)
        assert unquote(written) == name
        assert written.isascii()
        assert len(written) < MAX_METADATA_BYTES / 2


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_a_percent_encoded_header_is_read(text: str) -> None:
    assert decoded(encoded(text)) == (text or None)


def test_a_header_of_plain_utf_8_is_read_as_well() -> None:
    assert decoded("Straße.jpg".encode().decode("latin-1")) == "Straße.jpg"


@given(st.binary(max_size=60))
def test_no_header_is_too_odd(raw: bytes) -> None:
    decoded(raw.decode("latin-1"))
    clean_filename(disposition_filename(raw.decode("latin-1")))


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="a b.jpg"', "a b.jpg"),
        ("attachment; filename=a.jpg", "a.jpg"),
        ("attachment; filename*=UTF-8''%e2%98%83.jpg", "☃.jpg"),
        ("inline; filename=\"x\"; filename*=UTF-8''%C3%BC.png", "ü.png"),
        ("attachment", None),
        ("", None),
        (None, None),
    ],
)
def test_a_content_disposition_tells_the_name(header: str | None, name: str | None) -> None:
    assert disposition_filename(header) == name


def test_a_cleaned_name_is_fit_for_json() -> None:
    assert json.loads(json.dumps(clean('"\\\u2028\ud800'))) == '"\\'
