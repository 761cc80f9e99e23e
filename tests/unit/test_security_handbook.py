"""Pillow's security handbook, line by line: each name is what is true here.

Source: Pillow, docs/handbook/security.rst; S, T, R, I, D and E are its numbers.
"""

import ast
import io
import os
import re
import resource
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageFile

from assets.processing.contract import ProcessedImage
from assets.processing.processor import process
from assets.processing.recipe import Watermark, read_recipe
from assets.processing.worker_pool import WorkerPool
from assets.validation.headers import ALLOWED_FORMATS, MAX_FRAMES, MAX_IMAGE_BYTES, MAX_IMAGE_PIXELS
from assets.validation.reasons import Reason
from assets.validation.signatures import format_of
from tests.campaigns.fuzz import (
    foreign_files,
    other_formats,
    png,
    tiff,
)
from tests.campaigns.fuzz.files import CANARY, HostileFile
from tests.campaigns.fuzz.samples import samples
from tests.unit.hostile_processors import EVIL
from tests.unit.pictures import encoded, four_corners, outcome

PROJECT = Path(__file__).parents[2]
PRODUCTION = [*PROJECT.glob("assets/**/*.py"), *PROJECT.glob("services/**/*.py")]
LOCKS = sorted(PROJECT.glob("requirements/*.txt"))
STANDARD = read_recipe("standard")
FOREIGN_FILES = [
    file for file in foreign_files.hostile_foreign_files() if file.kind == "wrong extension"
]
POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"
PILLOWS_OWN_LIMIT = 89_478_485
VALID_IMAGE = encoded(four_corners(), "PNG")


@pytest.fixture(scope="module")
def one_worker() -> Iterator[WorkerPool]:
    with WorkerPool(1, "tests.unit.hostile_processors:telling", STANDARD) as pool:
        yield pool


def told(pool: WorkerPool, expression: str) -> object:
    result = pool.process(EVIL + expression.encode())
    assert isinstance(result, ProcessedImage)
    return ast.literal_eval(str(result.facts.camera_make))


def limit_of(pool: WorkerPool, kind: int) -> object:
    return told(pool, f"resource.getrlimit({kind})")


@pytest.mark.parametrize("file", FOREIGN_FILES, ids=lambda file: file.name)
def test_s1_a_file_whose_content_is_of_no_allowed_format_is_refused(file: HostileFile) -> None:
    assert format_of(file.make()) is None
    assert outcome(file.make()) in {Reason.NOT_AN_IMAGE, Reason.FORMAT_NOT_ALLOWED}


def test_s1_the_allow_list_is_six_formats() -> None:
    assert set(ALLOWED_FORMATS) == {"JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF"}


def test_s2_a_parser_that_a_package_adds_is_never_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []
    monkeypatch.setattr(Image, "ID", ["SPOOFED", *Image.ID])
    monkeypatch.setitem(Image.OPEN, "SPOOFED", (ImageFile.ImageFile, asked.append))
    assert outcome(b"spoofed" * 100) is Reason.NOT_AN_IMAGE
    assert isinstance(outcome(VALID_IMAGE), ProcessedImage)
    assert asked == []


def test_t1_what_a_camera_says_is_kept_as_short_printable_text() -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Robert'); drop table\x1b[2J\n" + "x" * 5000, "<script>\0"
    result = outcome(encoded(four_corners(), "JPEG", exif=exif))
    assert isinstance(result, ProcessedImage)
    for text in (result.facts.camera_make, result.facts.camera_model):
        assert text
        assert text.isprintable()
        assert len(text) <= 80


@pytest.mark.parametrize("name", samples())
def test_t2_and_i1_nothing_that_is_hidden_in_a_file_comes_out_in_a_rendition(name: str) -> None:
    result = outcome(samples()[name])
    assert isinstance(result, ProcessedImage)
    assert not [one for one in result.renditions if CANARY in one.body]


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "GIF", "TIFF"])
def test_t2_bytes_after_a_picture_come_out_nowhere(format_: str) -> None:
    result = outcome(encoded(four_corners(), format_) + CANARY * 100)
    assert isinstance(result, ProcessedImage)
    assert not [one for one in result.renditions if CANARY in one.body]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_s2_and_t3_every_package_is_pinned_and_verified_by_a_hash(lock: Path) -> None:
    entries = re.split(r"\n(?=\S)", lock.read_text().split("\n\n")[-1].strip())
    packages = [entry for entry in entries if not entry.startswith("#")]
    assert packages
    assert [one for one in packages if "==" not in one or "--hash=sha256:" not in one] == []


def test_t3_nothing_is_installed_without_its_hash() -> None:
    installs = [
        line
        for line in (PROJECT / "Makefile").read_text().splitlines()
        if re.search(r"\bpip install\b", line) and "echo" not in line
    ]
    assert installs
    ours = "--no-build-isolation --no-deps --editable ."
    assert [line for line in installs if "--require-hashes" not in line and ours not in line] == []


def test_r1_what_was_processed_is_known_by_digest_format_and_size() -> None:
    result = outcome(VALID_IMAGE)
    assert isinstance(result, ProcessedImage)
    facts = result.facts
    assert (facts.format, facts.width_px, facts.height_px) == ("PNG", 48, 32)
    assert len(facts.sha256) == 32


def test_r1_bombs_and_files_that_are_no_image_have_reasons_of_their_own() -> None:
    assert outcome(png.png(6001, 6000, 1000)) is Reason.TOO_MANY_PIXELS
    assert outcome(b"no image" * 100) is Reason.NOT_AN_IMAGE


def test_i2_a_worker_can_write_no_file(one_worker: WorkerPool) -> None:
    assert limit_of(one_worker, resource.RLIMIT_FSIZE) == (0, 0)


@pytest.mark.parametrize(
    "pixels", [MAX_IMAGE_PIXELS + 1, 2 * MAX_IMAGE_PIXELS, 2 * MAX_IMAGE_PIXELS + 1, 2**31 - 1]
)
def test_d1_one_pixel_more_than_allowed_is_an_error_and_never_a_warning(pixels: int) -> None:
    assert outcome(png.png(pixels, 1, 1000)) is Reason.TOO_MANY_PIXELS


def test_d1_and_d2_the_limit_of_pixels_is_set_and_below_pillows_own() -> None:
    process(VALID_IMAGE, STANDARD)
    assert Image.MAX_IMAGE_PIXELS == MAX_IMAGE_PIXELS
    assert MAX_IMAGE_PIXELS < PILLOWS_OWN_LIMIT


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt"])
def test_d1_text_that_unpacks_to_a_hundred_mebibytes_is_not_unpacked(kind: bytes) -> None:
    start = {b"zTXt": b"Comment\0\0", b"iTXt": b"Comment\0\1\0\0\0"}[kind]
    bomb = png.chunk(kind, start + png.deflated_zeros(100 << 20))
    assert outcome(png.png(8, 8, 200, bomb)) is Reason.CORRUPT


def test_d1_a_worker_has_a_limit_of_memory_that_it_cannot_raise(one_worker: WorkerPool) -> None:
    soft, hard = limit_of(one_worker, resource.RLIMIT_AS)
    assert soft == hard == 2 * 1024**3


def test_d2_a_worker_has_a_limit_of_processor_time_for_each_image(one_worker: WorkerPool) -> None:
    one_worker.process(VALID_IMAGE)
    soft, _ = limit_of(one_worker, resource.RLIMIT_CPU)
    assert 0 < soft < 3600


ENDLESS = {
    "a TIFF of 501 pages": (tiff.chained(501), Reason.TOO_MANY_FRAMES),
    "a TIFF of 5,000 pages": (tiff.chained(5000), Reason.TOO_MANY_FRAMES),
    "a GIF of 501 frames": (
        other_formats.gif(1, 1, other_formats.gif_frame() * (MAX_FRAMES + 1)),
        Reason.TOO_MANY_FRAMES,
    ),
    "a PNG that announces 501 frames": (
        png.png(8, 8, 200, png.chunk(b"acTL", b"\0\0\1\xf5\0\0\0\0")),
        Reason.TOO_MANY_FRAMES,
    ),
}


@pytest.mark.parametrize(("body", "reason"), ENDLESS.values(), ids=ENDLESS)
def test_d3_a_file_of_too_many_frames_is_refused(body: bytes, reason: Reason) -> None:
    assert outcome(body) is reason


LOOPS = {
    "pages": tiff.chained(3, loops=True),
    "directories below directories": tiff.nested(330, 500),
    "EXIF below EXIF": tiff.nested(34665, 500),
}


@pytest.mark.parametrize("body", LOOPS.values(), ids=LOOPS)
def test_d3_directories_that_name_one_another_end_in_an_outcome(body: bytes) -> None:
    assert outcome(body) is not None


def test_d3_a_file_is_refused_by_its_length_before_pillow_sees_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(Image, "open")
    assert outcome(VALID_IMAGE.ljust(MAX_IMAGE_BYTES + 1, b"\0")) is Reason.TOO_LARGE


STILLS = [name for name in samples() if not re.search("film|several|pages", name)]


@pytest.mark.parametrize("name", STILLS)
def test_d3_a_file_that_ends_early_is_refused(name: str) -> None:
    body = samples()[name]
    assert isinstance(outcome(body[: len(body) // 3]), Reason)
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


def test_e1_images_are_decoded_in_another_process_without_any_of_our_variables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DARKROOM_TEST_SECRET", "hunter2")
    with WorkerPool(1, "tests.unit.hostile_processors:telling", STANDARD) as pool:
        assert told(pool, "os.getpid()") != os.getpid()
        assert told(pool, "os.getenv('DARKROOM_TEST_SECRET')") is None


def test_e2_postscript_is_refused_and_ghostscript_never_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ghostscript, started = tmp_path / "gs", tmp_path / "started"
    ghostscript.write_text(f"#!/bin/sh\necho > {started}\n")
    ghostscript.chmod(ghostscript.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path))
    with Image.open(io.BytesIO(POSTSCRIPT)) as trap, pytest.raises(OSError):  # noqa: PT011
        trap.load()
    assert started.exists(), "the trap works"
    started.unlink()
    assert outcome(POSTSCRIPT) in {Reason.NOT_AN_IMAGE, Reason.FORMAT_NOT_ALLOWED}
    assert not started.exists()


def names_in(source: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(source.read_text())))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    names |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    return names | {
        alias.name for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names
    }


DANGEROUS = {
    "e3": {"ImageMath", "unsafe_eval", "lambda_eval", "eval", "exec"},
    "e4": {"truetype", "FreeTypeFont", "TransposedFont", "load_path"},
    "what starts a viewer": {"ImageShow", "ImageGrab"},
}


@pytest.mark.parametrize("names", DANGEROUS.values(), ids=DANGEROUS)
def test_e3_and_e4_nothing_evaluates_text_or_opens_a_font_by_its_path(names: set[str]) -> None:
    assert len(PRODUCTION) > 30
    found = {path.name: names_in(path) & names for path in PRODUCTION}
    assert {name: used for name, used in found.items() if used} == {}


def test_e4_a_recipe_cannot_name_a_font() -> None:
    fields = set(Watermark.model_fields)
    assert fields == {"do", "text", "corner", "colour", "opacity", "height_share"}
