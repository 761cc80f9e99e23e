"""What is refused before decoding, at the limits exactly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from assets.validation.headers import MAX_FRAMES, MAX_IMAGE_BYTES, check_header, reject_size
from assets.validation.reasons import Reason, RejectedImageError
from tests.unit.pictures import decoded, encoded


def test_the_largest_image_is_ten_mebibytes() -> None:
    assert MAX_IMAGE_BYTES == 10_485_760


@pytest.mark.parametrize("size_bytes", [1, MAX_IMAGE_BYTES - 1, MAX_IMAGE_BYTES])
def test_a_size_up_to_the_limit_passes(size_bytes: int) -> None:
    assert reject_size(size_bytes) is None


def test_one_byte_more_than_the_limit_is_too_large() -> None:
    assert reject_size(MAX_IMAGE_BYTES + 1) is Reason.TOO_LARGE


def test_no_bytes_are_empty() -> None:
    assert reject_size(0) is Reason.EMPTY


@given(st.integers(0, 2**40))
def test_every_size_is_accepted_or_has_a_reason(size_bytes: int) -> None:
    is_accepted = 1 <= size_bytes <= MAX_IMAGE_BYTES
    assert (reject_size(size_bytes) is None) == is_accepted


@pytest.mark.parametrize("size", [(6000, 6000), (36_000, 1000), (1, 1)])
def test_thirty_six_million_pixels_pass(size: tuple[int, int]) -> None:
    check_header(Image.new("1", size))


@pytest.mark.parametrize("size", [(6001, 6000), (6000, 6001), (36_001, 1000)])
def test_a_row_or_column_more_is_too_many_pixels(size: tuple[int, int]) -> None:
    with pytest.raises(RejectedImageError) as rejected:
        check_header(Image.new("1", size))
    assert rejected.value.reason is Reason.TOO_MANY_PIXELS


def film(frames: int) -> Image.Image:
    pictures = [Image.new("L", (2, 2), number % 256) for number in range(frames)]
    return decoded(encoded(pictures[0], "GIF", save_all=True, append_images=pictures[1:]))


def test_as_many_frames_as_allowed_pass() -> None:
    check_header(film(MAX_FRAMES))


def test_one_frame_more_is_too_many() -> None:
    with pytest.raises(RejectedImageError) as rejected:
        check_header(film(MAX_FRAMES + 1))
    assert rejected.value.reason is Reason.TOO_MANY_FRAMES


def test_a_rejection_shows_its_reason_code_and_nothing_of_the_image() -> None:
    assert str(RejectedImageError(Reason.CORRUPT)) == "corrupt"
