"""Small pictures and their encodings, for tests of what is done to pictures."""

import io
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from PIL import Image, ImageOps, ImageStat

from assets.processing.contract import ProcessedImage
from assets.processing.processor import process
from assets.processing.recipe import read_recipe
from assets.validation.reasons import Reason, RejectedImageError

Colour = tuple[float, ...]

STANDARD = read_recipe("standard")
PHOTOGRAPHS = Path(str(files("skimage") / "data"))
ORIENTATION = 0x0112
QUARTERS = ("red", "lime", "blue", "yellow")


def outcome(body: bytes) -> ProcessedImage | Reason:
    """Processes by the standard recipe; gives the reason of a rejection instead of raising it."""
    try:
        return process(body, STANDARD)
    except RejectedImageError as rejected:
        return rejected.reason


def four_corners(width: int = 48, height: int = 32) -> Image.Image:
    """Each quarter has a colour of its own, so that a turn or a flip shows."""
    image = Image.new("RGB", (width, height))
    half_width, half_height = width // 2, height // 2
    for number, colour in enumerate(QUARTERS):
        left, top = number % 2 * half_width, number // 2 * half_height
        image.paste(colour, (left, top, left + half_width, top + half_height))
    return image


def noise(width: int = 40, height: int = 30) -> Image.Image:
    return Image.effect_noise((width, height), 60).convert("RGB")


def photograph(width: int, height: int, name: str = "astronaut.png") -> Image.Image:
    """A photograph from scikit-image's wheel, cut and scaled to a size."""
    with Image.open(PHOTOGRAPHS / name) as image:
        made = ImageOps.fit(image.convert("RGB"), (width, height))
    made.info = {}
    return made


def encoded(image: Image.Image, format_: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format_, **options)
    return file.getvalue()


def orientation(number: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = number
    return exif


def decoded(body: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(body))
    image.load()
    return image


def processed(body: bytes) -> ProcessedImage:
    return process(body, STANDARD)


def medium(body: bytes) -> Image.Image:
    """The larger rendition of an image's bytes."""
    return decoded(processed(body).renditions[0].body)


def mean_of_quarters(image: Image.Image) -> list[Colour]:
    width, height = image.size
    boxes = [
        (left * width // 2, top * height // 2, (left + 1) * width // 2, (top + 1) * height // 2)
        for top in (0, 1)
        for left in (0, 1)
    ]
    return [tuple(ImageStat.Stat(image.convert("RGB").crop(box)).mean) for box in boxes]


def is_close(one: Colour, other: Colour, tolerance: float = 24) -> bool:
    return all(abs(a - b) <= tolerance for a, b in zip(one, other, strict=True))


def patched(body: bytes, change: Callable[[bytearray], None]) -> bytes:
    """The bytes after a change that is made in place."""
    changed = bytearray(body)
    change(changed)
    return bytes(changed)
