"""Which images an erasure is asked to delete."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.retention.erasure import image_named
from assets.retention.erasure_requests import ErasureSelection, ErasureSelectionError


@given(st.uuids())
def test_an_id_is_read_as_it_is_written_by_the_ledger(image):
    assert image_named(str(image)) == image


@given(st.text(max_size=30))
def test_what_is_no_id_is_refused_without_being_repeated(text):
    with pytest.raises(ErasureSelectionError) as refused:
        image_named(f"…{text}")
    assert f"…{text}" not in str(refused.value)


def test_a_choice_of_nothing_is_refused_and_not_taken_for_everything():
    with pytest.raises(ErasureSelectionError, match="Say which images to erase"):
        ErasureSelection()
