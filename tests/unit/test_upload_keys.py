"""API keys: their form, their digest, and what is never shown."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.ingestion.upload.api_keys import UPLOADER, new_key, read_key


def test_a_key_is_read_as_it_was_made() -> None:
    key = new_key()
    assert read_key(key.text) == key


def test_no_two_keys_are_the_same() -> None:
    made = [new_key() for _ in range(100)]
    assert len({key.key_id for key in made} | {key.secret for key in made}) == 200


def test_only_the_digest_of_the_secret_is_kept() -> None:
    key = new_key()
    assert key.sha256 == hashlib.sha256(key.text.split("_", 2)[2].encode()).digest()


def test_a_key_does_not_show_its_secret() -> None:
    key = new_key()
    assert key.secret not in repr(key)


@given(st.text(max_size=80) | st.from_regex(r"dr_[0-9a-f]{11,13}_[A-Za-z0-9_-]{42,44}"))
def test_only_one_text_is_read_as_a_key(text: str) -> None:
    key = read_key(text)
    assert key is None or key.text == text


@pytest.mark.parametrize("change", [str.upper, lambda text: text + "\n", lambda text: " " + text])
def test_almost_a_key_is_none(change) -> None:
    assert read_key(change(new_key().text)) is None


@pytest.mark.parametrize("name", ["shop", "a", "2nd_shop-b", "x" * 63])
def test_a_name_that_an_uploader_may_have(name: str) -> None:
    assert UPLOADER.fullmatch(name)


@pytest.mark.parametrize("name", ["", "Shop", "_x", "-x", "a b", "ü", "x" * 64, "a:b", "a\n"])
def test_a_name_that_no_uploader_may_have(name: str) -> None:
    assert not UPLOADER.fullmatch(name)
