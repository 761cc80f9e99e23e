"""Which images an erasure is asked to delete."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.retention.erasure import choose, image_named
from assets.retention.erasure_requests import ErasureSelectionError


@given(st.uuids())
def test_an_id_is_read_as_it_is_written_by_the_ledger(image):
    assert image_named(str(image)) == image


@given(st.text(max_size=30))
def test_what_is_no_id_is_refused_without_being_repeated(text):
    with pytest.raises(ErasureSelectionError) as refused:
        image_named(f"…{text}")
    assert f"…{text}" not in str(refused.value)


def test_a_choice_holds_what_was_named():
    image = uuid4()
    chosen = choose([str(image)], "kafka", "ann")
    assert (chosen.images, chosen.source, chosen.uploader) == ((image,), "kafka", "ann")


def test_what_is_left_empty_chooses_nothing():
    assert choose([], "", "ann").source is None
    with pytest.raises(ErasureSelectionError, match="Say which images"):
        choose([], "", "")
