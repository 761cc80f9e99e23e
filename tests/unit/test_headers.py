"""What is refused before decoding: by size, and by the header of a file or of an open image."""

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from assets.validation.headers import (
    ALLOWED_FORMATS,
    HEADER_BYTES,
    MAX_FRAMES,
    MAX_IMAGE_BYTES,
    check_header,
    pixels_of,
    reject_header,
    reject_size,
)
from assets.validation.reasons import Reason, RejectedImageError
from assets.validation.signatures import SIGNATURE_BYTES
from tests.unit.bare_headers import (
    HEADERS,
    avif,
    gif,
    ispe,
    jpeg,
    png,
    webp_lossless,
    webp_lossy,
)
from tests.unit.pictures import encoded, noise

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


@pytest.mark.parametrize("kind", HEADERS)
def test_a_picture_of_thirty_six_million_pixels_passes(kind: str) -> None:
    assert reject_header(HEADERS[kind](6000, 6000)) is None


@pytest.mark.parametrize("kind", HEADERS)
@pytest.mark.parametrize("size", [(6001, 6000), (6000, 6001), (16_383, 16_383)])
def test_a_pixel_bomb_is_known_by_its_header(kind: str, size: tuple[int, int]) -> None:
    assert reject_header(HEADERS[kind](*size)) is Reason.TOO_MANY_PIXELS


@pytest.mark.parametrize("kind", ["png", "little-endian tiff", "avif"])
def test_the_largest_bomb_that_can_be_told_is_known(kind: str) -> None:
    assert reject_header(HEADERS[kind](2**31 - 1, 2**31 - 1)) is Reason.TOO_MANY_PIXELS


def test_a_gif_whose_frame_exceeds_its_canvas_is_as_large_as_the_frame() -> None:
    body = gif(1, 1).replace(
        struct.pack("<HHHH", 0, 0, 1, 1), struct.pack("<HHHH", 0, 0, 60_000, 60_000)
    )
    assert reject_header(body) is Reason.TOO_MANY_PIXELS
    assert pixels_of(body) is None


@pytest.mark.parametrize("other", [(1, 1), (20_000, 1), (1, 20_000)])
def test_an_avif_of_several_images_is_as_large_as_its_largest(other: tuple[int, int]) -> None:
    first, bomb = avif(1, 1), ispe(6001, 6000)
    assert reject_header(first + ispe(*other)) is None
    assert reject_header(first + bomb + ispe(*other)) is Reason.TOO_MANY_PIXELS
    assert reject_header(first + ispe(*other) + bomb) is Reason.TOO_MANY_PIXELS


def test_an_animation_tells_its_frames_in_its_header() -> None:
    """The picture for viewers that know no animations counts as one more."""
    assert reject_header(png(1, 1, MAX_FRAMES - 1)) is None
    assert reject_header(png(1, 1, MAX_FRAMES)) is Reason.TOO_MANY_FRAMES


@pytest.mark.parametrize("name", ALLOWED_FORMATS)
@pytest.mark.parametrize("length", [SIGNATURE_BYTES, 100, 300, 10_000, HEADER_BYTES, 10**9])
def test_a_picture_passes_however_much_of_it_is_there(name: str, length: int) -> None:
    assert reject_header(encoded(noise(400, 300), name)[:length]) is None


@given(
    st.sampled_from([encoded(noise(), name) for name in ALLOWED_FORMATS]),
    st.lists(st.tuples(st.integers(0, 400), st.binary(min_size=1, max_size=8)), max_size=6),
    st.integers(1, 4000),
)
def test_a_hostile_header_is_judged_or_left_to_processing(
    body: bytes, patches: list[tuple[int, bytes]], length: int
) -> None:
    made = bytearray(body[:length])
    for at, patch in patches:
        made[at : at + len(patch)] = patch
    assert reject_header(bytes(made)) in {None, Reason.TOO_MANY_PIXELS, Reason.TOO_MANY_FRAMES}


def test_a_header_is_read_no_further_than_it_may_be() -> None:
    late = b"\xff\xd8" + (b"\xff\xe1\xff\xff" + bytes(65_533)) * 3 + jpeg(9000, 9000)[2:]
    assert reject_header(late) is None
    assert pixels_of(late) is None


@pytest.mark.parametrize("kind", HEADERS)
def test_the_number_of_pixels_is_read_from_the_header(kind: str) -> None:
    assert pixels_of(HEADERS[kind](300, 200) + b"\xff" * 8) == 60_000


@pytest.mark.parametrize(
    "body", [b"", b"a letter", png(9, 9)[:20], webp_lossy(9, 9)[:26], avif(9, 9)[:SIGNATURE_BYTES]]
)
def test_a_file_without_a_whole_header_has_no_number_of_pixels(body: bytes) -> None:
    assert pixels_of(body) is None


def test_the_scaling_hints_of_a_lossy_webp_do_not_change_its_size() -> None:
    assert pixels_of(webp_lossy(300 | 3 << 14, 200 | 3 << 14)) == 60_000


def test_the_alpha_bit_of_a_lossless_webp_does_not_change_its_size() -> None:
    body = bytearray(webp_lossless(300, 200))
    body[24] |= 1 << 4
    assert pixels_of(bytes(body)) == 60_000


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


def film(name: str, frames: int) -> Image.Image:
    pictures = [Image.new("L", (2, 2), number % 256) for number in range(frames)]
    return Image.open(
        io.BytesIO(encoded(pictures[0], name, save_all=True, append_images=pictures[1:]))
    )


@pytest.mark.parametrize("name", ["GIF", "TIFF"])
def test_as_many_frames_as_allowed_pass_and_the_first_stays_selected(name: str) -> None:
    image = film(name, MAX_FRAMES)
    check_header(image)
    assert image.tell() == 0


@pytest.mark.parametrize("name", ["GIF", "TIFF"])
def test_one_frame_more_is_too_many(name: str) -> None:
    with pytest.raises(RejectedImageError) as rejected:
        check_header(film(name, MAX_FRAMES + 1))
    assert rejected.value.reason is Reason.TOO_MANY_FRAMES


def test_a_rejection_shows_its_reason_code_and_nothing_of_the_image() -> None:
    assert str(RejectedImageError(Reason.CORRUPT)) == "corrupt"
