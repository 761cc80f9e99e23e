"""Renditions carry pixels only: what a camera or a person wrote into a file stays out."""

import io
from dataclasses import replace
from functools import cache
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, PngImagePlugin

from assets.processing.contract import ProcessedImage
from assets.processing.processor import process
from assets.processing.recipe import Recipe
from tests.unit.file_parts import Part, parts
from tests.unit.metadata_pictures import CANARY, SECRET, SIZES, WITH_METADATA
from tests.unit.pictures import encoded, noise

JFIF_HEADER = Part("APP0", b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0")
PICTURE_PARTS = {
    "JPEG": {"APP0", "DQT", "SOF0", "DHT", "SOS", "scan"},
    "PNG": {"IHDR", "IDAT", "IEND"},
    "WEBP": {"VP8 "},
}
STEPS = {
    "as it is": [],
    "smaller": [{"do": "resize", "longest_side_px": 1024}],
    "all": [
        {"do": "resize", "longest_side_px": 256},
        {"do": "crop", "width": 1, "height": 1},
        {"do": "rotate", "degrees": 90},
        {"do": "grey"},
        {"do": "blur", "radius_px": 1},
        {"do": "sharpen"},
        {"do": "watermark", "text": "Darkroom"},
    ],
}
EVERY_WAY = Recipe.model_validate(
    {
        "name": "every-way",
        "version": 1,
        "renditions": [
            {"name": f"{format_}-{number}".lower(), "format": format_, "steps": steps}
            for number, (format_, steps) in enumerate(product(PICTURE_PARTS, STEPS.values()))
        ],
    }
)


@cache
def original(name: str, size: tuple[int, int]) -> bytes:
    return WITH_METADATA[name](size)


@pytest.fixture(params=list(product(WITH_METADATA, SIZES)), ids=str, scope="module")
def image(request: pytest.FixtureRequest) -> ProcessedImage:
    return process(original(*request.param), EVERY_WAY)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", WITH_METADATA)
def test_the_picture_that_is_put_in_does_hold_what_must_not_come_out(
    name: str, size: tuple[int, int]
) -> None:
    assert original(name, size).count(SECRET) > 1


def test_the_parts_that_are_looked_for_are_found_where_they_are() -> None:
    for format_ in PICTURE_PARTS:
        texts = PngImagePlugin.PngInfo()
        texts.add_text("Author", CANARY)
        options = {"comment": SECRET} if format_ == "JPEG" else {"xmp": SECRET}
        body = encoded(noise(), format_, exif=SECRET, pnginfo=texts, **options)
        found = [part for part in parts(body, format_) if SECRET in part.content]
        assert len(found) >= 2
        assert not PICTURE_PARTS[format_] & {part.name for part in found}


def test_a_rendition_consists_of_the_parts_that_a_picture_needs(image: ProcessedImage) -> None:
    for rendition in image.renditions:
        found = {part.name for part in parts(rendition.body, rendition.format)}
        assert found <= PICTURE_PARTS[rendition.format]


def test_a_jpegs_only_application_segment_is_the_plain_header(image: ProcessedImage) -> None:
    for rendition in image.renditions:
        if rendition.format == "JPEG":
            found = [part for part in parts(rendition.body, "JPEG") if part.name.startswith("APP")]
            assert found == [JFIF_HEADER]


def test_no_word_of_the_originals_metadata_is_in_a_rendition(image: ProcessedImage) -> None:
    for rendition in image.renditions:
        assert not any(word in rendition.body for word in (SECRET, b"Lumen", b"2025", b"Exif"))


def test_pillow_finds_nothing_but_the_header_in_a_rendition(image: ProcessedImage) -> None:
    for rendition in image.renditions:
        with Image.open(io.BytesIO(rendition.body)) as made:
            made.load()
            assert dict(made.getexif()) == {}
            known = {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
            empty = {"loop", "background", "timestamp", "duration"}  # of every WebP
            assert set(made.info) <= known | (empty if rendition.format == "WEBP" else set())


def test_of_all_that_is_written_in_a_file_the_facts_tell_camera_and_time_only(
    image: ProcessedImage,
) -> None:
    facts = image.facts
    assert CANARY not in repr(facts)
    written = ("Lumen", "Field 50", "2025-06-30 23:59:58")
    told = (facts.camera_make, facts.camera_model, str(facts.captured_at))
    assert told == ((None, None, "None") if facts.format == "GIF" else written)
    silent = replace(facts, camera_make=None, camera_model=None, captured_at=None)
    # Digests and measurements differ with every run and may hold any digits.
    measured = dict.fromkeys(("brightness", "contrast", "sharpness", "perceptual_hash"))
    read = repr(replace(silent, sha256=b"", **measured))
    assert not any(word in read for word in ("Lumen", "Field", "2025", "52.0"))


words = st.binary(max_size=2000).map(lambda word: b"Ada Lovelace " + word)


def with_word(format_: str, word: bytes) -> bytes:
    if format_ == "GIF":
        return encoded(noise(), "GIF", comment=word)
    block = Image.Exif()
    block[ExifTags.Base.Make] = "Lumen"
    block.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = word
    options = {"comment": word} if format_ == "JPEG" else {}
    return encoded(noise(), format_, exif=block, xmp=word, **options)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["JPEG", "PNG", "WEBP", "AVIF", "GIF"]), words)
def test_whatever_is_written_into_a_file_does_not_come_out(format_: str, word: bytes) -> None:
    for rendition in process(with_word(format_, word), EVERY_WAY).renditions:
        assert b"Ada Lovelace" not in rendition.body
        found = {part.name for part in parts(rendition.body, rendition.format)}
        assert found <= PICTURE_PARTS[rendition.format]
