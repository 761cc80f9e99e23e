"""The libvips engine makes what the Pillow engine makes, and refuses what it refuses."""

import io
import math
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageCms

from assets.processing import picture, processor, vips
from assets.processing.contract import ProcessedImage, ProcessorError
from assets.processing.recipe import Recipe, read_recipe
from assets.processing.worker_pool import WorkerPool
from assets.validation.reasons import Reason, RejectedImageError
from tests.campaigns.fuzz.campaign import RECIPE
from tests.campaigns.fuzz.damage import damage_at_each_tenth
from tests.campaigns.fuzz.samples import samples
from tests.unit.pictures import encoded, orientation, photograph

pyvips = vips._libvips()

STANDARD = read_recipe("standard")
MIN_PSNR = 40.0
"""In dB; two encodings at quality 85 of pictures that differ by rounding alone reach about 45."""

Engine = Callable[[bytes, Recipe], ProcessedImage]


def outcome(engine: Engine, body: bytes, recipe: Recipe = STANDARD) -> ProcessedImage | Reason:
    try:
        return engine(body, recipe)
    except RejectedImageError as rejected:
        return rejected.reason


def psnr(one: bytes, other: bytes) -> float:
    pixels = [np.asarray(Image.open(io.BytesIO(body)), dtype=np.float64) for body in (one, other)]
    error = float(np.mean((pixels[0] - pixels[1]) ** 2))
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def assert_alike(body: bytes) -> None:
    ours, theirs = outcome(processor.process, body), outcome(vips.process, body)
    assert isinstance(ours, ProcessedImage)
    assert isinstance(theirs, ProcessedImage)
    for one, other in zip(ours.renditions, theirs.renditions, strict=True):
        assert (one.name, one.width_px, one.height_px) == (
            other.name,
            other.width_px,
            other.height_px,
        )
        assert psnr(one.body, other.body) >= MIN_PSNR


@pytest.fixture
def count_decoded(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Tells how many pictures libvips has decoded."""
    decoded: list[Image.Image] = []
    real = vips._decoded

    def counting(*args: object) -> Image.Image | None:
        made = real(*args)
        if made is not None:
            decoded.append(made)
        return made

    monkeypatch.setattr(vips, "_decoded", counting)
    return lambda: len(decoded)


SIZES = [(1200, 900), (2050, 1367), (3000, 4000)]
FORMATS = {
    "JPEG": {"quality": 88},
    "PNG": {"compress_level": 1},
    "WEBP": {"quality": 82, "method": 0},
}


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("format_", FORMATS)
def test_renditions_equal_pillows_within_forty_decibels(
    format_: str, size: tuple[int, int], count_decoded: Callable[[], int]
) -> None:
    assert_alike(encoded(photograph(*size, "coffee.png"), format_, **FORMATS[format_]))
    assert count_decoded() == 1


@pytest.mark.parametrize("side", [1100, 1537, 1633, 2048, 3072, 3900, 6000])
def test_whatever_a_jpegs_size_its_renditions_equal_pillows(side: int) -> None:
    assert_alike(encoded(photograph(side, side // 2), "JPEG", quality=88))


def clear() -> Image.Image:
    image = photograph(1500, 1100).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    return image


def profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


LARGE = photograph(1500, 1100)
BY_LIBVIPS = {
    "grey JPEG": encoded(LARGE.convert("L"), "JPEG", quality=90),
    "progressive JPEG": encoded(LARGE, "JPEG", quality=90, progressive=True),
    "JPEG turned by its EXIF": encoded(LARGE, "JPEG", quality=90, exif=orientation(6)),
    "JPEG with a profile of another space": encoded(LARGE, "JPEG", icc_profile=profile()),
    "PNG with alpha": encoded(clear(), "PNG", compress_level=1),
    "PNG, grey with alpha": encoded(clear().convert("LA"), "PNG", compress_level=1),
    "PNG with a clear colour": encoded(LARGE, "PNG", transparency=(0, 0, 0), compress_level=1),
    "PNG turned by its EXIF": encoded(LARGE, "PNG", exif=orientation(8), compress_level=1),
    "WebP with alpha": encoded(clear(), "WEBP", quality=90, method=0),
    "lossless WebP": encoded(LARGE, "WEBP", lossless=True, method=0),
    "WebP turned by its EXIF": encoded(LARGE, "WEBP", exif=orientation(3), method=0),
}


@pytest.mark.parametrize("body", BY_LIBVIPS.values(), ids=BY_LIBVIPS)
def test_pictures_of_usual_modes_are_made_by_libvips_and_look_the_same(
    body: bytes, count_decoded: Callable[[], int]
) -> None:
    assert_alike(body)
    assert count_decoded() == 1


def with_exif_last(png: bytes) -> bytes:
    """Moves the EXIF of a PNG behind its data, where it may stand too."""
    start = png.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(png[start : start + 4])
    return png[:start] + png[end:-12] + png[start:end] + png[-12:]


def deep() -> Image.Image:
    return Image.fromarray(np.asarray(LARGE.convert("L"), dtype=np.uint16) * 257)


PAGES = {"save_all": True, "append_images": [photograph(1500, 1100, "coffee.png")]}
BY_PILLOW = {
    "CMYK JPEG": encoded(LARGE.convert("CMYK"), "JPEG"),
    "palette PNG": encoded(LARGE.quantize(200), "PNG"),
    "16-bit PNG": encoded(deep(), "PNG", compress_level=1),
    "PNG whose EXIF is last": with_exif_last(BY_LIBVIPS["PNG turned by its EXIF"]),
    "GIF": encoded(LARGE, "GIF"),
    "TIFF": encoded(LARGE, "TIFF"),
    "AVIF": encoded(LARGE, "AVIF", speed=10),
    "animated WebP": encoded(LARGE, "WEBP", method=0, **PAGES),
    "several JPEGs": encoded(LARGE, "MPO", **PAGES),
    "a small JPEG": encoded(photograph(1024, 700), "JPEG"),
}


@pytest.mark.parametrize("body", BY_PILLOW.values(), ids=BY_PILLOW)
def test_all_other_pictures_are_left_to_pillow(
    body: bytes, count_decoded: Callable[[], int]
) -> None:
    assert_alike(body)
    assert count_decoded() == 0


@pytest.mark.parametrize("body", [*BY_LIBVIPS.values(), *BY_PILLOW.values()])
def test_both_engines_say_the_same_of_a_file(body: bytes) -> None:
    ours, theirs = (outcome(engine, body).facts for engine in (processor.process, vips.process))
    looks = ("brightness", "contrast", "sharpness", "dominant_colours", "perceptual_hash")
    said = [{k: v for k, v in vars(f).items() if k not in looks} for f in (ours, theirs)]
    assert said[0] == said[1]
    assert theirs.brightness == pytest.approx(ours.brightness, abs=0.01)
    assert ((ours.perceptual_hash ^ theirs.perceptual_hash) & (2**64 - 1)).bit_count() <= 3


def test_a_rendition_tells_which_engine_made_it() -> None:
    result = outcome(vips.process, BY_LIBVIPS["grey JPEG"])
    assert result.processor.startswith("libvips 8.")


@pytest.mark.parametrize("sample", ["JPEG", "JPEG, progressive", "PNG", "PNG, alpha", "WebP"])
def test_broken_files_are_refused_for_the_reason_that_pillow_gives(sample: str) -> None:
    """Made larger than needed, so that libvips has something to make smaller."""
    with Image.open(io.BytesIO(samples()[sample])) as image:
        format_ = str(image.format)
        large = encoded(image.resize((1150, 860)), format_)
    for tenth in range(1, 10):
        cut = large[: len(large) * tenth // 10]
        bent = bytearray(large)
        bent[len(large) * tenth // 10] ^= 0xFF
        for body in (cut, bytes(bent)):
            ours, theirs = outcome(processor.process, body), outcome(vips.process, body)
            assert isinstance(ours, ProcessedImage) == isinstance(theirs, ProcessedImage)
            assert isinstance(ours, ProcessedImage) or ours is theirs


def test_only_jpegs_that_are_broken_behind_their_picture_have_another_outcome() -> None:
    """Of those libvips takes the picture, which is whole; Pillow says that they are corrupt."""
    files = [file for file in damage_at_each_tenth(3) if file.name[:4] in {"JPEG", "PNG,", "WebP"}]
    different = []
    for file in files:
        ours, theirs = (
            outcome(engine, file.make(), RECIPE) for engine in (processor.process, vips.process)
        )
        if isinstance(ours, ProcessedImage) != isinstance(theirs, ProcessedImage):
            assert (ours, file.name[:4]) == (Reason.CORRUPT, "JPEG"), file.name
            different.append(file.name)
    assert len(different) <= len(files) // 50, different


@pytest.mark.parametrize("format_", ["TIFF", "GIF", "AVIF", "PPM"])
def test_libvips_loads_nothing_but_jpeg_png_and_webp(format_: str) -> None:
    with pytest.raises(pyvips.Error):
        pyvips.Image.new_from_buffer(encoded(LARGE, format_), "").avg()


def test_libvips_loads_no_drawing() -> None:
    drawing = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
    with pytest.raises(pyvips.Error):
        pyvips.Image.new_from_buffer(drawing, "")


def test_libvips_works_with_one_thread_and_keeps_nothing() -> None:
    assert pyvips.concurrency_get() == 1
    assert pyvips.cache_get_max() == 0


def test_it_works_in_isolated_workers() -> None:
    body = BY_LIBVIPS["PNG with alpha"]
    with WorkerPool(1, "assets.processing.vips:process", STANDARD) as pool:
        result = pool.process(body)
    assert isinstance(result, ProcessedImage)
    assert result.processor.startswith("libvips 8.")


def test_without_its_package_the_error_is_one_clear_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pyvips", None)
    vips._libvips.cache_clear()
    with pytest.raises(ProcessorError, match=r"^The libvips engine needs pyvips.*\.$"):
        vips.process(BY_LIBVIPS["grey JPEG"], STANDARD)
    vips._libvips.cache_clear()


def test_importing_it_loads_no_libvips() -> None:
    told = "import sys, assets.processing.vips; print('pyvips' in sys.modules)"
    shown = subprocess.check_output([sys.executable, "-c", told], text=True)
    assert shown.strip() == "False"


def test_its_way_to_decode_takes_what_pillows_takes() -> None:
    with Image.open(io.BytesIO(BY_PILLOW["GIF"])) as image:
        made = vips.load(image, BY_PILLOW["GIF"], None)
    with Image.open(io.BytesIO(BY_PILLOW["GIF"])) as image:
        assert made.tobytes() == picture.load(image, None).tobytes()
