"""What cannot be processed is rejected for a reason, and nothing but a rejection is ever raised."""

import warnings
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from assets.validation.headers import MAX_IMAGE_BYTES
from assets.validation.reasons import Reason, RejectedImageError
from infra.demo.photographs import Photograph, broken_files
from tests.unit.other_formats import OTHERS
from tests.unit.pictures import encoded, four_corners, noise, orientation, patched, processed

FILM = [noise(20, 20).convert("P") for _ in range(3)]
SAMPLES = {
    "JPEG": encoded(noise(), "JPEG", exif=orientation(6)),
    "progressive JPEG": encoded(noise(), "JPEG", progressive=True),
    "PNG": encoded(noise(), "PNG", exif=orientation(6)),
    "palette PNG": encoded(noise().convert("P"), "PNG"),
    "WebP": encoded(noise(), "WEBP", exif=orientation(6)),
    "lossless WebP": encoded(noise(), "WEBP", lossless=True),
    "GIF": encoded(FILM[0], "GIF", save_all=True, append_images=FILM[1:]),
    "TIFF": encoded(noise(), "TIFF", exif=orientation(6)),
    "TIFF with LZW": encoded(noise(), "TIFF", compression="tiff_lzw"),
    "AVIF": encoded(noise(), "AVIF"),
}

BEGINNINGS = [
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"RIFF\0\0\0\0WEBP",
    b"GIF89a",
    b"II*\0",
    b"MM\0*",
    b"\0\0\0\x1cftypavif",
]

samples = st.sampled_from(sorted(SAMPLES)).map(SAMPLES.__getitem__)
flips = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 7)), max_size=8)
hostile = settings(max_examples=150, deadline=None)


def reason(body: bytes) -> Reason | None:
    """Why a body is rejected, or None if it is processed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            processed(body)
        except RejectedImageError as error:
            return error.reason
    return None


@pytest.mark.parametrize("file", broken_files(), ids=lambda file: file.name)
def test_each_of_the_demos_broken_files_is_rejected_for_the_reason_it_names(
    file: Photograph,
) -> None:
    assert reason(file.body) == file.expected_reason


def test_no_bytes_are_empty() -> None:
    assert reason(b"") is Reason.EMPTY


def test_an_image_of_ten_mebibytes_exactly_is_processed() -> None:
    assert reason(SAMPLES["JPEG"].ljust(MAX_IMAGE_BYTES, b"\0")) is None


def test_an_image_of_one_byte_more_is_too_large() -> None:
    assert reason(SAMPLES["JPEG"].ljust(MAX_IMAGE_BYTES + 1, b"\0")) is Reason.TOO_LARGE


@pytest.mark.parametrize(
    "body",
    [
        b"not an image",
        b"\0" * 100,
        b"PK\x03\x04 a zip archive",
        b"BM is how this letter begins, which is no picture at all",
        b"\0\0\0\x18ftypmp42\0\0\0\0isom a film",
        encoded(four_corners(), "TGA"),
    ],
)
def test_what_is_of_no_known_format_is_not_an_image(body: bytes) -> None:
    assert reason(body) is Reason.NOT_AN_IMAGE


@pytest.mark.parametrize("body", OTHERS.values(), ids=OTHERS.keys())
def test_a_picture_of_a_known_format_that_is_not_taken_is_told_so(body: bytes) -> None:
    assert reason(body) is Reason.FORMAT_NOT_ALLOWED


def test_a_small_file_of_too_many_pixels_is_not_decoded() -> None:
    assert reason(encoded(Image.new("1", (6001, 6000)), "PNG")) is Reason.TOO_MANY_PIXELS


def test_a_file_of_pixels_beyond_any_bound_is_told_alike() -> None:
    assert reason(encoded(Image.new("1", (20_000, 20_000)), "PNG")) is Reason.TOO_MANY_PIXELS


def test_a_film_of_too_many_frames_is_refused() -> None:
    film = [Image.new("L", (2, 2), number % 256) for number in range(501)]
    body = encoded(film[0], "GIF", save_all=True, append_images=film[1:])
    assert reason(body) is Reason.TOO_MANY_FRAMES


def test_pages_that_no_person_turns_are_refused_without_counting_them() -> None:
    page = encoded(Image.new("L", (2, 2)), "TIFF")
    start = int.from_bytes(page[4:8], "little")
    length = 2 + 12 * int.from_bytes(page[start : start + 2], "little")
    entries, body = page[start : start + length], bytearray(page)
    body[start + length : start + length + 4] = (len(page) + len(page) % 2).to_bytes(4, "little")
    body += bytes(len(page) % 2)
    while len(body) < MAX_IMAGE_BYTES - length - 4:
        body += entries + (len(body) + length + 4).to_bytes(4, "little")
    assert reason(bytes(body)) is Reason.TOO_MANY_FRAMES


@pytest.mark.parametrize("name", ["JPEG", "progressive JPEG", "PNG", "GIF", "TIFF"])
def test_a_file_that_ends_in_the_middle_of_its_picture_is_truncated(name: str) -> None:
    body = SAMPLES[name]
    end = len(body) * 3 // 4 if name != "GIF" else 200
    assert reason(body[:end]) is Reason.TRUNCATED


def test_a_jpeg_that_ends_in_its_header_is_truncated() -> None:
    assert reason(encoded(noise(), "JPEG")[:300]) is Reason.TRUNCATED


@pytest.mark.parametrize("name", ["WebP", "AVIF"])
def test_a_file_whose_decoder_cannot_tell_is_truncated_or_corrupt(name: str) -> None:
    body = SAMPLES[name]
    assert reason(body[: len(body) - 20]) in {Reason.TRUNCATED, Reason.CORRUPT}


def test_a_png_whose_picture_data_do_not_fit_their_checksum_is_corrupt() -> None:
    body = SAMPLES["palette PNG"]
    at = body.index(b"IDAT") + 8
    assert reason(body[:at] + bytes([body[at] ^ 0xFF]) + body[at + 1 :]) is Reason.CORRUPT


def spoil(offset: int, value: bytes) -> Callable[[bytearray], None]:
    def change(body: bytearray) -> None:
        body[offset : offset + len(value)] = value

    return change


def tiff_entry(body: bytes, page: int, tag: int) -> int:
    """Where the entry of a tag begins in a page of a little-endian TIFF (TIFF 6.0, section 2)."""
    at = 4
    for _ in range(page + 1):
        directory = int.from_bytes(body[at : at + 4], "little")
        count = int.from_bytes(body[directory : directory + 2], "little")
        at = directory + 2 + 12 * count
    entries = range(directory + 2, at, 12)
    return next(entry for entry in entries if body[entry : entry + 2] == tag.to_bytes(2, "little"))


WIDTH, COMPRESSION = 256, 259
TIFF, AVIF = encoded(noise(), "TIFF"), SAMPLES["AVIF"]
PAGES = encoded(noise(), "TIFF", save_all=True, append_images=[noise()])
HOSTILE = {
    "a TIFF without a width": patched(TIFF, spoil(tiff_entry(TIFF, 0, WIDTH), b"\x01\x7d")),
    "a TIFF of unknown compression": patched(
        TIFF, spoil(tiff_entry(TIFF, 0, COMPRESSION) + 8, b"\x11\x27")
    ),
    "a TIFF whose width is no whole number": patched(
        TIFF, spoil(tiff_entry(TIFF, 0, WIDTH) + 2, b"\x0b\x00")
    ),
    "a TIFF whose second page has no width": patched(
        PAGES, spoil(tiff_entry(PAGES, 1, WIDTH), b"\x01\x7d")
    ),
    "a TIFF whose second page is of unknown compression": patched(
        PAGES, spoil(tiff_entry(PAGES, 1, COMPRESSION) + 8, b"\x11\x27")
    ),
    "an AVIF without its picture": patched(AVIF, spoil(AVIF.index(b"mdat") + 4, bytes(60))),
    "an AVIF whose item is nowhere": patched(AVIF, spoil(AVIF.index(b"iloc") + 12, b"\xff")),
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_file_made_to_upset_its_decoder_is_rejected(body: bytes) -> None:
    assert reason(body) in {Reason.CORRUPT, Reason.TRUNCATED, Reason.NOT_AN_IMAGE}


def test_a_film_cut_at_any_byte_is_processed_or_rejected() -> None:
    body = SAMPLES["GIF"]
    assert {reason(body[:end]) for end in range(len(body))} <= {*Reason, None}


@hostile
@given(st.binary(max_size=300))
def test_no_bytes_at_all_raise_anything_but_a_rejection(body: bytes) -> None:
    assert reason(body) is not None


@hostile
@given(st.sampled_from(BEGINNINGS), st.binary(max_size=200))
def test_bytes_that_begin_like_an_image_raise_nothing_but_a_rejection(
    start: bytes, rest: bytes
) -> None:
    assert reason(start + rest) in {*Reason, None}


@hostile
@given(samples, st.floats(0, 1, exclude_max=True))
def test_an_image_cut_anywhere_raises_nothing_but_a_rejection(body: bytes, part: float) -> None:
    assert reason(body[: int(len(body) * part)]) in {*Reason, None}


@hostile
@given(samples, flips)
def test_an_image_with_flipped_bits_raises_nothing_but_a_rejection(
    body: bytes, places: list[tuple[float, int]]
) -> None:
    changed = bytearray(body)
    for place, bit in places:
        changed[int(place * len(changed))] ^= 1 << bit
    assert reason(bytes(changed)) in {*Reason, None}
