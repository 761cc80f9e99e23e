"""Formats are told by the first bytes, and nothing that is taken is told as another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from assets.validation.headers import ALLOWED_FORMATS, reject_unknown
from assets.validation.reasons import Reason
from assets.validation.signatures import SIGNATURE_BYTES, format_of, other_format_of
from tests.unit.other_formats import OTHERS, brands
from tests.unit.pictures import encoded, noise

Image.init()
ACCEPTS = {name: Image.OPEN[name][1] for name in ALLOWED_FORMATS}
SIGNATURES = [encoded(noise(), name)[:SIGNATURE_BYTES] for name in ALLOWED_FORMATS]


@pytest.mark.parametrize("body", OTHERS.values(), ids=OTHERS.keys())
def test_a_known_format_that_is_not_taken_has_a_name_and_is_not_allowed(body: bytes) -> None:
    first = body[: 4 * SIGNATURE_BYTES]
    assert format_of(first) is None
    assert other_format_of(first)
    assert reject_unknown(first) is Reason.FORMAT_NOT_ALLOWED


@pytest.mark.parametrize(
    ("example", "name"),
    [
        ("HEIC by a compatible brand", "HEIF"),
        ("HEIC of a telephone", "HEIC"),
        ("BMP", "BMP"),
        ("PPM", "Netpbm"),
        ("SVG", "SVG"),
        ("PSD", "Photoshop"),
    ],
)
def test_a_format_that_is_not_allowed_has_its_usual_name(example: str, name: str) -> None:
    assert other_format_of(OTHERS[example]) == name


@pytest.mark.parametrize(
    "box", [brands(b"avif"), brands(b"avis"), brands(b"mif1", b"miaf", b"mif1", b"avif")]
)
def test_an_avif_is_recognized_by_any_of_its_brands(box: bytes) -> None:
    assert format_of(box) == "AVIF"


@pytest.mark.parametrize(
    "bytes_",
    [
        brands(b"mif1", b"heic") + b"avif",
        brands(b"mif1", b"heic").replace(b"mif1\0\0\0\0", b"mif1avif"),
    ],
    ids=["behind the box", "in place of the version"],
)
def test_avif_in_another_place_is_not_a_brand(bytes_: bytes) -> None:
    assert format_of(bytes_) is None


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


@pytest.mark.parametrize("name", ALLOWED_FORMATS)
def test_every_allowed_format_is_known_by_its_first_bytes(name: str) -> None:
    assert format_of(encoded(noise(), name)[:SIGNATURE_BYTES]) == name


@pytest.mark.parametrize("name", ["BMP", "ICO", "PPM", "JPEG2000", "PDF", "TGA", "EPS", "DDS"])
def test_other_formats_of_images_are_not(name: str) -> None:
    assert format_of(encoded(noise(), name)[:SIGNATURE_BYTES]) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"RIFF\0\0\0\0WAVE",
        b"JUNK\0\0\0\0WEBP",
        b"\0\0\0\x18ftypmp42\0\0\0\0isom",
        b"\0\0\0\x18ftypheic\0\0\0\0mif1",
        b"\xff\xff\xff\xffftypxxxx",
    ],
)
def test_other_content_is_not_recognized(body: bytes) -> None:
    assert format_of(body) is None


@given(st.binary(max_size=32) | st.sampled_from(SIGNATURES), st.integers(0, 31), st.binary())
def test_nothing_is_refused_that_processing_would_open(first: bytes, at: int, patch: bytes) -> None:
    """Pillow looks at 16 bytes; of AVIF's relatives it opens those that name AVIF somewhere."""
    first = (first[:at] + patch + first[at + len(patch) :])[:SIGNATURE_BYTES]
    opened_by = [name for name, accepts in ACCEPTS.items() if accepts(first[:16]) is True]
    strict = [name for name in opened_by if name != "AVIF" or first[8:12] in {b"avif", b"avis"}]
    assert not strict or format_of(first) is not None
