"""The photographs the demo sends are many, real and repeatable; the broken ones are broken."""

import io
from collections import Counter
from hashlib import sha256
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageOps, ImageStat, UnidentifiedImageError

from infra.demo.photographs import (
    Photograph,
    PhotographsError,
    broken_files,
    photographs,
    photographs_in,
)

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF")
CONTENT_TYPE_OF = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
MAX_PIXELS = 36_000_000
ORIENTATION, MAKE, MODEL = 0x0112, 0x010F, 0x0110


@pytest.fixture(scope="module")
def forty_photographs() -> list[Photograph]:
    return list(photographs(40, megapixels=0.1))


def opened(photograph: Photograph) -> Image.Image:
    return Image.open(io.BytesIO(photograph.body), formats=FORMATS)


def broken(reason: str) -> list[Photograph]:
    found = [file for file in broken_files() if file.expected_reason == reason]
    assert found, f"no broken file is expected to be {reason}"
    return found


def test_as_many_photographs_come_as_were_asked_for(forty_photographs: list[Photograph]) -> None:
    assert len(forty_photographs) == 40
    assert list(photographs(0)) == []


def test_no_two_photographs_have_the_same_bytes_pixels_or_name() -> None:
    many = list(photographs(300, megapixels=0.02))
    assert len({photograph.body for photograph in many}) == 300
    assert len({photograph.name for photograph in many}) == 300
    assert len({sha256(opened(photograph).tobytes()).digest() for photograph in many}) == 300


def test_the_same_seed_gives_the_same_photographs(forty_photographs: list[Photograph]) -> None:
    assert list(photographs(40, megapixels=0.1)) == forty_photographs


def test_another_seed_gives_other_photographs(forty_photographs: list[Photograph]) -> None:
    others = photographs(40, seed=8, megapixels=0.1)
    assert {other.body for other in others}.isdisjoint(
        photograph.body for photograph in forty_photographs
    )


def test_asking_for_more_keeps_the_first(forty_photographs: list[Photograph]) -> None:
    assert list(islice(photographs(1000, megapixels=0.1), 5)) == forty_photographs[:5]


def test_every_photograph_decodes_as_the_format_it_declares(
    forty_photographs: list[Photograph],
) -> None:
    for photograph in forty_photographs:
        with opened(photograph) as image:
            image.load()
            assert CONTENT_TYPE_OF[str(image.format)] == photograph.content_type
            assert image.mode == "RGB"
        assert photograph.expected_reason is None


@settings(max_examples=15, deadline=None)
@given(megapixels=st.floats(0.01, 3.0), seed=st.integers(0, 2**32))
def test_a_photograph_is_within_two_percent_of_the_size_asked_for(
    megapixels: float, seed: int
) -> None:
    (photograph,) = photographs(1, seed=seed, megapixels=megapixels)
    width, height = opened(photograph).size
    assert width * height == pytest.approx(megapixels * 1e6, rel=0.02)


def test_sizes_are_mixed_between_a_third_and_two_megapixels_unless_asked_otherwise() -> None:
    sizes = [opened(photograph).size for photograph in photographs(20)]
    pixels = [width * height for width, height in sizes]
    assert 0.29e6 < min(pixels) < 0.9e6
    assert 1.2e6 < max(pixels) < 2.01e6


def test_of_ten_photographs_eight_are_jpeg_one_png_and_one_webp(
    forty_photographs: list[Photograph],
) -> None:
    for start in range(0, 40, 10):
        kinds = Counter(
            photograph.content_type for photograph in forty_photographs[start : start + 10]
        )
        assert kinds == {"image/jpeg": 8, "image/png": 1, "image/webp": 1}


def test_eight_photographs_show_eight_subjects(forty_photographs: list[Photograph]) -> None:
    assert len({photograph.name.split("-")[0] for photograph in forty_photographs[:8]}) == 8


def test_some_photographs_are_turned_and_some_name_a_camera(
    forty_photographs: list[Photograph],
) -> None:
    tags = [opened(photograph).getexif() for photograph in forty_photographs]
    assert {1, 3, 6, 8} <= {tag.get(ORIENTATION) for tag in tags}
    assert any(tag.get(MAKE) and tag.get(MODEL) for tag in tags)
    assert any(not tag for tag in tags)


def test_a_turned_photograph_is_upright_once_its_tag_is_honoured() -> None:
    """Every rocket has its sky above: the top is bluer than the bottom, mirrored or not."""
    rockets = [one for one in photographs(320, megapixels=0.02) if one.name.startswith("rocket")]
    assert {3, 6, 8} <= {opened(one).getexif().get(ORIENTATION) for one in rockets}
    for rocket in rockets:
        upright = ImageOps.exif_transpose(opened(rocket)).convert("RGB")
        assert sky(upright, "top") > sky(upright, "bottom"), rocket.name


def sky(image: Image.Image, edge: str) -> float:
    top = 0 if edge == "top" else image.height * 9 // 10
    red, _, blue = ImageStat.Stat(image.crop((0, top, image.width, top + image.height // 10))).mean
    return blue - red


def test_photographs_are_in_colour_and_not_flat(forty_photographs: list[Photograph]) -> None:
    for photograph in forty_photographs:
        image = opened(photograph).convert("RGB")
        red, _, blue = image.split()
        assert ImageStat.Stat(image.convert("L")).stddev[0] > 10, photograph.name
        assert ImageStat.Stat(ImageChops.difference(red, blue)).mean[0] > 2, photograph.name


@pytest.mark.parametrize("megapixels", [0.0, -1.0])
def test_a_size_that_is_not_positive_is_refused(megapixels: float) -> None:
    with pytest.raises(ValueError, match="more than 0"):
        photographs(1, megapixels=megapixels)


def test_a_negative_count_is_refused() -> None:
    with pytest.raises(ValueError, match="none or more"):
        photographs(-1)


def test_a_broken_file_names_its_reason_and_every_reason_has_one() -> None:
    assert {file.expected_reason for file in broken_files()} == {
        "corrupt",
        "empty",
        "not_an_image",
        "too_many_pixels",
        "truncated",
    }
    assert len({file.name for file in broken_files()}) == len(broken_files())


def test_the_empty_file_has_no_bytes() -> None:
    assert [len(file.body) for file in broken("empty")] == [0]


def test_what_is_not_an_image_is_recognised_as_no_format() -> None:
    for file in broken("not_an_image"):
        with pytest.raises(UnidentifiedImageError):
            opened(file)


def test_one_of_those_that_are_no_image_starts_like_a_jpeg() -> None:
    assert any(file.body.startswith(b"\xff\xd8\xff\xe0") for file in broken("not_an_image"))


def test_the_truncated_file_opens_but_ends_before_its_picture_does() -> None:
    for file in broken("truncated"):
        with opened(file) as image, pytest.raises(OSError, match="image file is truncated"):
            image.load()


def test_the_corrupt_file_opens_but_cannot_be_decoded() -> None:
    for file in broken("corrupt"):
        with opened(file) as image, pytest.raises(OSError, match="broken data stream"):
            image.load()


def test_the_picture_with_too_many_pixels_is_a_small_file_and_otherwise_sound() -> None:
    for file in broken("too_many_pixels"):
        assert len(file.body) < 50_000
        with opened(file) as image:
            assert image.width * image.height == 40_000_000 > MAX_PIXELS
            image.load()


def save(path: Path, kind: str = "JPEG") -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), "teal").save(path, kind)
    return path.read_bytes()


def test_an_own_folder_gives_its_images_in_order_whatever_their_case_or_depth(
    tmp_path: Path,
) -> None:
    body = save(tmp_path / "b.JPG")
    save(tmp_path / "a.png", "PNG")
    save(tmp_path / "holiday" / "beach.Tiff", "TIFF")
    (tmp_path / "notes.txt").write_text("not sent")
    found = list(photographs_in(tmp_path))
    assert [one.name for one in found] == ["a.png", "b.JPG", "holiday/beach.Tiff"]
    assert [one.content_type for one in found] == ["image/png", "image/jpeg", "image/tiff"]
    assert found[1].body == body
    assert {one.expected_reason for one in found} == {None}


@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "png", "webp", "gif", "tif", "tiff", "avif"])
def test_an_own_file_counts_as_an_image_by_its_suffix(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"one.{suffix.upper()}").write_bytes(b"any")
    (photograph,) = photographs_in(tmp_path)
    assert photograph.content_type.startswith("image/")


def test_hidden_files_and_folders_named_like_images_are_left_out(tmp_path: Path) -> None:
    save(tmp_path / "seen.jpg")
    save(tmp_path / "._seen.jpg")
    save(tmp_path / ".trash" / "gone.jpg")
    (tmp_path / "folder.jpg").mkdir()
    assert [one.name for one in photographs_in(tmp_path)] == ["seen.jpg"]


def test_a_hidden_folder_that_was_named_itself_is_read(tmp_path: Path) -> None:
    save(tmp_path / ".mine" / "one.jpg")
    assert [one.name for one in photographs_in(tmp_path / ".mine")] == ["one.jpg"]


def test_a_missing_folder_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(PhotographsError, match=r"nowhere does not exist; check its spelling\.$"):
        photographs_in(tmp_path / "nowhere")


def test_a_file_given_as_folder_is_an_error_that_says_so(tmp_path: Path) -> None:
    save(tmp_path / "one.jpg")
    with pytest.raises(PhotographsError, match=r"one\.jpg is a file; name the folder"):
        photographs_in(tmp_path / "one.jpg")


def test_a_folder_without_images_is_an_error_that_lists_what_counts(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing to see")
    with pytest.raises(PhotographsError, match=r"holds no image; these count: avif, gif, jpeg"):
        photographs_in(tmp_path)
