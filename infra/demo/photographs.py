"""Photographs for the demo, the benchmarks and tests.

A few real photographs, installed with scikit-image, become any number of distinct ones, the same
for the same seed. Also here: a person's own folder, and files that the platform must reject.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from random import Random
from typing import Final, TypeVar

from PIL import Image, ImageChops, ImageOps

from assets.errors import DarkroomError

_Card = TypeVar("_Card")

CONTENT_TYPES: Final = {
    ".avif": "image/avif",
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".webp": "image/webp",
}

_CAMERAS: Final = (("Lumen", "Pocket 3"), ("Lumen", "Field 50"), ("Halide", "Folding 6"))
_ASPECTS: Final = (4 / 3, 3 / 2, 1.0, 3 / 4)
_GRAIN_SIDE: Final = 1024
_GRAIN_LEVELS: Final = 4

# How the pixels of a photograph are stored that its EXIF orientation (the key) turns upright.
_STORED_TURN: Final = {
    3: Image.Transpose.ROTATE_180,
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
}


class PhotographsError(DarkroomError):
    """There are no photographs; the message says why and what to do."""


@dataclass(frozen=True)
class Photograph:
    """One file to send.

    Attributes:
        name: File name, or path relative to the folder it was found in, with forward slashes.
        content_type: What a sender would declare, which for a broken file need not be true.
        expected_reason: Reason code with which the platform must reject it; `None` when it is
            acceptable or, for a person's own file, unknown.
    """

    name: str
    content_type: str
    body: bytes
    expected_reason: str | None = None


@dataclass(frozen=True)
class _Encoding:
    """A file format of generated photographs; sizes from `megapixels[0]` to `megapixels[1]`."""

    format: str
    suffix: str
    megapixels: tuple[float, float]
    options: dict[str, int]


@dataclass(frozen=True)
class _Original:
    """A photograph in scikit-image's wheel; its subject is at `focus`, 0 to 1 from left and top."""

    subject: str
    file: str
    focus: tuple[float, float] = (0.5, 0.5)


# The colour photographs in scikit-image's wheel, all CC0 or without known restriction; its other
# pictures are grey, drawn, or fetched from the network.
_ORIGINALS: Final = (
    _Original("astronaut", "astronaut.png", focus=(0.4, 0.0)),
    _Original("cat", "chelsea.png", focus=(0.5, 0.3)),
    _Original("coffee", "coffee.png", focus=(0.6, 0.5)),
    _Original("galaxies", "hubble_deep_field.jpg"),
    _Original("motorcycle", "motorcycle_left.png"),
    _Original("retina", "retina.jpg"),
    _Original("rocket", "rocket.jpg"),
    _Original("tissue", "ihc.png"),
)

# PNG and WebP cost more to encode than JPEG: they are fewer and, by default, smaller.
_JPEG: Final = _Encoding("JPEG", ".jpg", (0.5, 2.0), {"quality": 88})
_PNG: Final = _Encoding("PNG", ".png", (0.3, 0.6), {"compress_level": 1})
_WEBP: Final = _Encoding("WEBP", ".webp", (0.4, 0.9), {"quality": 82, "method": 0})
_ENCODINGS: Final = (*(_JPEG,) * 8, _PNG, _WEBP)


def photographs(
    count: int, *, seed: int = 7, megapixels: float | None = None
) -> Iterator[Photograph]:
    """Makes distinct photographs, each with its own crop, light and grain.

    The nth photograph depends on the seed, the size and n alone. Of every ten, eight are JPEG (some
    turned by an EXIF tag, some with a camera's name), one is PNG and one WebP.

    Args:
        seed: Same seed, same bytes (with the same versions of Pillow and its codecs).
        megapixels: Size of every photograph; `None` mixes 0.5 to 2 (PNG and WebP 0.3 to 0.9).

    Raises `ValueError` when the count is negative or the size is not positive, and
    `PhotographsError` when scikit-image is not installed.
    """
    if count < 0:
        raise ValueError(f"Cannot make {count} photographs; ask for none or more.")
    if megapixels is not None and megapixels <= 0:
        raise ValueError(f"Cannot make pictures of {megapixels} megapixels; ask for more than 0.")
    _decoded()
    return (_photograph(number, seed, megapixels) for number in range(count))


def photographs_in(folder: Path) -> Iterator[Photograph]:
    """Reads a person's own images in the order of their paths, subfolders included, one by one.

    Images are recognised by their suffix (any case); hidden files are left out.

    Raises `PhotographsError` when the folder is missing, is not a folder, or holds no image.
    """
    if not folder.exists():
        raise PhotographsError(f"The folder {folder} does not exist; check its spelling.")
    if not folder.is_dir():
        raise PhotographsError(f"{folder} is a file; name the folder that holds the images.")
    paths = sorted(path for path in folder.rglob("*") if _is_own_image(path, folder))
    if not paths:
        kinds = ", ".join(suffix.removeprefix(".") for suffix in CONTENT_TYPES)
        raise PhotographsError(f"The folder {folder} holds no image; these count: {kinds}.")
    return (
        Photograph(
            name=path.relative_to(folder).as_posix(),
            content_type=CONTENT_TYPES[path.suffix.lower()],
            body=path.read_bytes(),
        )
        for path in paths
    )


def broken_files() -> tuple[Photograph, ...]:
    """Makes a file for each way of being unusable, with the reason code of its rejection.

    Raises `PhotographsError` when scikit-image is not installed.
    """
    jpeg, jpg = _wheel_file("rocket.jpg"), "image/jpeg"
    return (
        Photograph("letter.jpg", jpg, b"Dear photograph, I am a letter.\n", "not_an_image"),
        Photograph("cut_short.jpg", jpg, jpeg[: len(jpeg) // 2], "truncated"),
        Photograph("nothing.jpg", jpg, b"", "empty"),
        Photograph("floor_plan.png", "image/png", _forty_megapixels(), "too_many_pixels"),
        Photograph("only_a_header.jpg", jpg, jpeg[:20] + b"\0garbage" * 500, "not_an_image"),
        Photograph("broken_tables.jpg", jpg, _with_broken_huffman_table(jpeg), "corrupt"),
    )


def _photograph(number: int, seed: int, megapixels: float | None) -> Photograph:
    rng = Random(f"{seed}/{number}")  # noqa: S311 - pictures, not secrets
    original = _shuffled_choice(_ORIGINALS, number, f"{seed}/original")
    encoding = _shuffled_choice(_ENCODINGS, number, f"{seed}/encoding")
    size = megapixels or rng.uniform(*encoding.megapixels)
    picture = _with_grain(_with_lighting(_cropped(original, size, rng), rng), rng)
    return Photograph(
        name=f"{original.subject}-{number:05d}{encoding.suffix}",
        content_type=CONTENT_TYPES[encoding.suffix],
        body=_encoded(picture, encoding, rng),
    )


def _shuffled_choice(pack: Sequence[_Card], number: int, seed: str) -> _Card:
    """Deals from a pack that is shuffled for every round, so that a few already show them all."""
    deal, place = divmod(number, len(pack))
    return Random(f"{seed}/{deal}").sample(pack, len(pack))[place]  # noqa: S311 - pictures


def _cropped(original: _Original, megapixels: float, rng: Random) -> Image.Image:
    """Crops the original around its subject and resizes it."""
    whole, aspect = _decoded()[original.subject], rng.choice(_ASPECTS)
    width = min(whole.width, whole.height * aspect) * rng.uniform(0.8, 1.0)
    height = width / aspect
    room = (whole.width - width, whole.height - height)
    left, top = (
        length * min(1.0, max(0.0, at + rng.uniform(-0.3, 0.3)))
        for length, at in zip(room, original.focus, strict=True)
    )
    size = (round((megapixels * 1e6 * aspect) ** 0.5), round((megapixels * 1e6 / aspect) ** 0.5))
    box = (left, top, left + width, top + height)
    picture = whole.resize(size, Image.Resampling.BICUBIC, box=box)
    return ImageOps.mirror(picture) if rng.random() < 0.5 else picture


def _with_lighting(picture: Image.Image, rng: Random) -> Image.Image:
    """Changes gamma, brightness, and warmth (red against blue) a little."""
    gamma, gain = rng.uniform(0.85, 1.15), rng.uniform(0.88, 1.1)
    warmth = rng.uniform(0.94, 1.06)
    curve = [255 * gain * (level / 255) ** gamma for level in range(256)]
    return picture.point(
        [min(255, round(level * tint)) for tint in (warmth, 1.0, 1 / warmth) for level in curve]
    )


def _with_grain(picture: Image.Image, rng: Random) -> Image.Image:
    """Adds a sensor's faint noise, without which an enlarged original compresses too well."""
    left, top = rng.randrange(_GRAIN_SIDE), rng.randrange(_GRAIN_SIDE)
    sheet = Image.new("RGB", picture.size)
    for x in range(-left, picture.width, _GRAIN_SIDE):
        for y in range(-top, picture.height, _GRAIN_SIDE):
            sheet.paste(_grain(), (x, y))
    return ImageChops.add(picture, sheet, offset=-_GRAIN_LEVELS)


def _encoded(picture: Image.Image, encoding: _Encoding, rng: Random) -> bytes:
    exif = Image.Exif()
    if encoding.format == "JPEG":
        orientation = rng.choice((None, None, 1, *_STORED_TURN))
        if orientation in _STORED_TURN:
            picture = picture.transpose(_STORED_TURN[orientation])
        if orientation:
            exif[0x0112] = orientation
        if rng.random() < 0.5:
            exif[0x010F], exif[0x0110] = rng.choice(_CAMERAS)
    file = io.BytesIO()
    picture.save(file, encoding.format, exif=exif.tobytes() if exif else b"", **encoding.options)
    return file.getvalue()


@cache
def _decoded() -> dict[str, Image.Image]:
    """The originals by subject, decoded once for the process; about 15 MB."""
    return {
        original.subject: Image.open(io.BytesIO(_wheel_file(original.file))).convert("RGB")
        for original in _ORIGINALS
    }


@cache
def _grain() -> Image.Image:
    """A square of grey noise, from 0 to twice the grain's levels."""
    side = (_GRAIN_SIDE, _GRAIN_SIDE)
    noise = Random(0).randbytes(_GRAIN_SIDE**2)  # noqa: S311 - pictures, not secrets
    levels = Image.frombytes("L", side, noise).point(
        [level * (2 * _GRAIN_LEVELS + 1) // 256 for level in range(256)]
    )
    return Image.merge("RGB", (levels, levels, levels))


def _wheel_file(name: str) -> bytes:
    try:
        return files("skimage.data").joinpath(name).read_bytes()
    except (ModuleNotFoundError, FileNotFoundError) as error:
        raise PhotographsError(
            f"scikit-image's photograph {name} is not installed; `make setup` installs it."
        ) from error


def _is_own_image(path: Path, folder: Path) -> bool:
    is_hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return path.suffix.lower() in CONTENT_TYPES and not is_hidden and path.is_file()


def _forty_megapixels() -> bytes:
    """A blank black-and-white PNG of 8000 by 5000 pixels, which packs into 15 kB."""
    file = io.BytesIO()
    Image.new("1", (8000, 5000), 1).save(file, "PNG")
    return file.getvalue()


def _with_broken_huffman_table(jpeg: bytes) -> bytes:
    """Overwrites the first Huffman table's code counts: the size is still read, the pixels never.

    Garbage among the pixels would not do: decoders conceal that, and deliver a grey picture.
    """
    counts = jpeg.index(b"\xff\xc4") + 5
    return jpeg[:counts] + b"\xff" * 16 + jpeg[counts + 16 :]
