"""What a camera wrote is read with care: it may be missing, broken, endless or of another kind."""

import struct
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from assets.catalog.facts import ImageFacts
from tests.unit.pictures import encoded, four_corners, processed

BASE, IFD, GPS = ExifTags.Base, ExifTags.IFD, ExifTags.GPS
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "AVIF")
ASCII, SHORT, RATIONAL, UNDEFINED, DOUBLE = 2, 3, 5, 7, 12
SIX_AS_DOUBLE = struct.pack("<d", 6)
TAKEN = "2025:06:30 23:59:58"
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


def exif(details: dict[int, object] | None = None, **fields: object) -> Image.Exif:
    made = Image.Exif()
    for name, value in fields.items():
        made[BASE[name]] = value
    made.get_ifd(IFD.Exif).update(details or {})
    return made


def by_hand(tag: int, kind: int, count: int, value: bytes) -> bytes:
    """A block with one entry of any type (TIFF 6.0, section 2), as no library would write it."""
    if len(value) <= 4:
        place, value = value.ljust(4, b"\0"), b""
    else:
        place = struct.pack("<I", 26)
    entry = struct.pack("<HHI", tag, kind, count) + place
    return b"Exif\0\0II*\0\x08\0\0\0\x01\0" + entry + bytes(4) + value


def written(block: Image.Exif | bytes, format_: str) -> bytes:
    """A picture with that block. Pillow writes a TIFF's inner directories only if told apart."""
    if format_ != "TIFF" or isinstance(block, bytes):
        return encoded(four_corners(), format_, exif=block)
    tags = ImageFileDirectory_v2()
    for tag, value in block.items():
        tags[tag] = value
    for inner in (IFD.Exif, IFD.GPSInfo):
        tags[inner] = block.get_ifd(inner)
    return encoded(four_corners(), format_, tiffinfo=tags)


def facts_of(block: Image.Exif | bytes, format_: str = "JPEG") -> ImageFacts:
    return processed(written(block, format_)).facts


@pytest.mark.parametrize("format_", FORMATS)
def test_make_model_and_time_are_read_from_every_format(format_: str) -> None:
    block = exif({BASE.DateTimeOriginal: TAKEN}, Make="Lumen", Model="Field 50", Orientation=6)
    facts = facts_of(block, format_)
    assert (facts.camera_make, facts.camera_model) == ("Lumen", "Field 50")
    assert facts.captured_at == datetime(2025, 6, 30, 23, 59, 58)  # noqa: DTZ001 - the camera's
    assert facts.orientation == 6


@pytest.mark.parametrize("format_", [*FORMATS, "GIF"])
def test_a_file_that_says_nothing_has_no_camera(format_: str) -> None:
    facts = processed(encoded(four_corners(), format_)).facts
    assert (facts.camera_make, facts.camera_model, facts.captured_at) == (None, None, None)
    assert facts.orientation in {None, 1}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b"  Lumen  ", "Lumen"),
        (b"Lumen\0\0\0", "Lumen"),
        (b"Lu\0men", "Lumen"),
        (b"Lu\x1b[31mmen\r\n", "Lu[31mmen"),
        (b"Gr\xf6\xdfe", "Größe"),
        (b"x" * 60_000, "x" * 80),
        (b"\0", None),
        (b"  \0", None),
        (b"\x01\x02\x03\x04", None),
    ],
)
@pytest.mark.parametrize("tag", [BASE.Make, BASE.Model])
def test_a_name_is_printable_text_of_80_characters_at_most(
    tag: int, said: bytes, told: str | None
) -> None:
    facts = facts_of(by_hand(tag, ASCII, len(said), said))
    assert told == (facts.camera_make if tag == BASE.Make else facts.camera_model)


NO_TEXT = {
    "a number": (SHORT, 1, b"\x07\0"),
    "numbers": (SHORT, 3, b"\x07\0\x08\0\x09\0"),
    "a fraction": (RATIONAL, 1, struct.pack("<II", 1, 3)),
    "a fraction by nothing": (RATIONAL, 1, bytes(8)),
    "bytes": (UNDEFINED, 6, b"\xff\xfe\0\xfd\xfc\xfb"),
    "a double": (DOUBLE, 1, struct.pack("<d", float("nan"))),
    "nothing": (ASCII, 0, b""),
}


@pytest.mark.parametrize("entry", NO_TEXT.values(), ids=NO_TEXT.keys())
def test_a_name_that_is_no_text_is_none(entry: tuple[int, int, bytes]) -> None:
    assert facts_of(by_hand(BASE.Make, *entry)).camera_make is None


@pytest.mark.parametrize(
    "said",
    [
        "",
        "0000:00:00 00:00:00",
        "    :  :     :  :  ",
        "2025:02:30 10:00:00",
        "2025-06-30 10:00:00",
        "2025:06:30",
        "2025:06:30 10:00:00+02:00",
        "yesterday",
        "2" * 50_000,
        20250630,
        b"\0\xff",
    ],
)
def test_a_time_that_is_none_is_left_out(said: object) -> None:
    assert facts_of(exif({BASE.DateTimeOriginal: said})).captured_at is None


@pytest.mark.parametrize("said", [TAKEN + "\0", f" {TAKEN} ", TAKEN])
def test_a_time_is_read_with_what_cameras_put_around_it(said: str) -> None:
    facts = facts_of(exif({BASE.DateTimeOriginal: said}))
    assert str(facts.captured_at) == "2025-06-30 23:59:58"


def test_the_time_of_a_later_change_is_not_the_time_of_capture() -> None:
    assert facts_of(exif(DateTime=TAKEN)).captured_at is None


NO_TURN = {
    "0": (SHORT, 1, b"\0\0"),
    "9": (SHORT, 1, b"\x09\0"),
    "65535": (SHORT, 1, b"\xff\xff"),
    "a letter": (ASCII, 2, b"6\0"),
    "a byte of no type": (UNDEFINED, 1, b"\x06"),
    "two": (SHORT, 2, b"\x06\0\x06\0\0\0"),
    "six and a half": (RATIONAL, 1, struct.pack("<II", 13, 2)),
    "nothing by nothing": (RATIONAL, 1, bytes(8)),
    "none of it": (SHORT, 0, b""),
}


@pytest.mark.parametrize("entry", NO_TURN.values(), ids=NO_TURN.keys())
def test_an_orientation_that_is_none_turns_nothing(entry: tuple[int, int, bytes]) -> None:
    facts = facts_of(by_hand(BASE.Orientation, *entry))
    assert (facts.width_px, facts.height_px) == (48, 32)
    assert facts.orientation is None


@pytest.mark.parametrize(
    "entry",
    [(SHORT, 1, b"\x06\0"), (RATIONAL, 1, struct.pack("<II", 12, 2)), (DOUBLE, 1, SIX_AS_DOUBLE)],
)
def test_an_orientation_in_any_type_of_number_is_a_whole_number(
    entry: tuple[int, int, bytes],
) -> None:
    facts = facts_of(by_hand(BASE.Orientation, *entry))
    assert type(facts.orientation) is int
    assert (facts.orientation, facts.width_px, facts.height_px) == (6, 32, 48)


BROKEN = {
    "words": b"Exif\0\0nonsense",
    "nothing behind the name": b"Exif\0\0",
    "a directory beyond the end": b"Exif\0\0II*\0\xff\xff\xff\x7f",
    "a directory that is its own next": b"Exif\0\0II*\0\x08\0\0\0\0\0\x08\0\0\0",
    "more entries than bytes": b"Exif\0\0II*\0\x08\0\0\0\xff\xff",
    "an entry of unknown type": b"Exif\0\0II*\0\x08\0\0\0\x01\0\x0f\x01\xff\xff\x01\0\0\0\0\0\0\0",
    "a name of four gigabytes": b"Exif\0\0II*\0\x08\0\0\0\x01\0\x0f\x01\x02\0\xff\xff\xff\xff\x1a",
    "an inner directory that is the outer": (
        b"Exif\0\0II*\0\x08\0\0\0\x01\0\x69\x87\x04\0\x01\0\0\0\x08\0\0\0\0\0\0\0"
    ),
    "an inner directory nowhere": (
        b"Exif\0\0II*\0\x08\0\0\0\x01\0\x69\x87\x04\0\x01\0\0\0\xff\xff\xff\xff\0\0\0\0"
    ),
    "an inner directory by a word": (
        b"Exif\0\0II*\0\x08\0\0\0\x01\0\x69\x87\x02\0\x04\0\0\0abc\0\0\0\0\0"
    ),
}


@pytest.mark.parametrize("block", BROKEN.values(), ids=BROKEN.keys())
@pytest.mark.parametrize("format_", ["JPEG", "WEBP"])
def test_a_broken_block_says_nothing_and_spoils_nothing(block: bytes, format_: str) -> None:
    facts = facts_of(block, format_)
    assert (facts.camera_make, facts.camera_model, facts.captured_at) == (None, None, None)
    assert (facts.width_px, facts.height_px) == (48, 32)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400), st.sampled_from([b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b""]))
def test_no_block_at_all_raises_anything(block: bytes, head: bytes) -> None:
    facts = facts_of(b"Exif\0\0" + head + block)
    for text in (facts.camera_make, facts.camera_model):
        assert text is None or (text.isprintable() and len(text) <= 80)


def with_place(format_: str) -> bytes:
    block = exif({BASE.DateTimeOriginal: TAKEN}, Make="Lumen")
    block.get_ifd(IFD.GPSInfo).update(
        {GPS.GPSLatitude: (52.0, 31.0, 12.0), GPS.GPSLatitudeRef: "N"}
    )
    return written(block, format_)


@pytest.mark.parametrize("format_", FORMATS)
def test_where_a_picture_was_taken_is_in_no_fact(format_: str) -> None:
    facts = processed(with_place(format_)).facts
    assert facts.captured_at is not None
    assert "52.0" not in repr(facts)


@pytest.mark.parametrize("format_", [name for name in FORMATS if name != "TIFF"])
def test_where_a_picture_was_taken_is_not_even_read(
    format_: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Watches which directories are opened; of a TIFF, Pillow itself opens all to turn it."""
    opened: list[int] = []
    really = Image.Exif.get_ifd

    def watched(block: Image.Exif, tag: int) -> dict[int, object]:
        opened.append(tag)
        return really(block, tag)

    body = with_place(format_)
    monkeypatch.setattr(Image.Exif, "get_ifd", watched)
    processed(body)
    assert set(opened) == {IFD.Exif}
