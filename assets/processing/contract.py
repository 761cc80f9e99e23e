"""What a processor is, what it returns, and the validation of that before it reaches the platform.

A processor is a function `(bytes, Recipe) -> ProcessedImage`. It raises `RejectedImageError` for
bytes that are not an acceptable image. It runs in a worker process without any credential.
"""

import io
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from math import isfinite

from PIL import Image
from pydantic import TypeAdapter, ValidationError

from assets.catalog.facts import ImageFacts, Seconds
from assets.errors import DarkroomError
from assets.processing.recipe import Recipe

_EXTENSIONS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}
_DIGEST_BYTES = 32
_MAX_FLOAT = 1e30
_INT4 = (1, 2**31 - 1)
_RANGES = {
    "width_px": _INT4,
    "height_px": _INT4,
    "frames": _INT4,
    "orientation": (1, 8),
    "perceptual_hash": (-(2**63), 2**63 - 1),
}


@dataclass(frozen=True)
class Rendition:
    """One encoded picture made from an image; its format is JPEG, PNG or WEBP."""

    name: str
    body: bytes = field(repr=False)
    format: str
    width_px: int
    height_px: int

    @property
    def file(self) -> str:
        """The name of its file, such as `medium.jpg`."""
        return f"{self.name}.{_EXTENSIONS[self.format]}"

    @property
    def content_type(self) -> str:
        """The media type of its file."""
        return f"image/{self.format.lower()}"


@dataclass(frozen=True)
class ProcessedImage:
    """The result of processing an image: renditions in the recipe's order, by which processor."""

    facts: ImageFacts
    renditions: tuple[Rendition, ...]
    processor: str
    seconds: Seconds = field(default_factory=Seconds)


@dataclass(frozen=True)
class ProcessorFailure:
    """A processor raised with one image, though not with the self-test image.

    The description is class and place of the error; it names no image.
    """

    description: str


Processor = Callable[[bytes, Recipe], ProcessedImage]


class ProcessorError(DarkroomError):
    """The processor cannot be loaded, or fails with every image: an operator has to fix it."""


class BrokenContractError(ValueError):
    """A processor returned something that the platform cannot store."""


_FACTS, _SECONDS = TypeAdapter(ImageFacts), TypeAdapter(Seconds)
_RENDITION = TypeAdapter(Rendition)


def find_processor(name: str) -> Processor:
    """Returns the function that `package.module:function` names.

    Raises `ProcessorError` if there is no such function.
    """
    try:
        found = pkgutil.resolve_name(name)
    except (ValueError, ImportError, AttributeError) as error:
        raise ProcessorError(
            f"IMAGE_PROCESSOR={name} cannot be loaded: {error}. "
            "Write package.module:function, and install the package."
        ) from error
    if not callable(found) or ":" not in name:
        raise ProcessorError(
            f"IMAGE_PROCESSOR={name} is not a function: write package.module:function."
        )
    return found  # type: ignore[no-any-return]


def validate_result(returned: object, recipe: Recipe) -> ProcessedImage:
    """Returns a processor's result in Python's own types; a NumPy number becomes one.

    A value that the catalogue cannot store would also stop the images that are written with it.

    Raises `BrokenContractError`.
    """
    if not isinstance(returned, ProcessedImage):
        raise BrokenContractError(f"it returned {type(returned).__name__}, not ProcessedImage")
    try:
        facts = _FACTS.validate_python(vars(returned.facts))
        seconds = _SECONDS.validate_python(vars(returned.seconds))
        made = tuple(_RENDITION.validate_python(vars(one)) for one in returned.renditions)
    except (ValidationError, TypeError) as error:
        raise BrokenContractError(_first_problem(error)) from error
    _check_facts(facts)
    _check_floats(seconds)
    _check_renditions(made, recipe)
    return ProcessedImage(facts, made, str(returned.processor), seconds)


def self_test_image() -> bytes:
    """Returns an image that every processor can process: a JPEG, a vertical grey gradient."""
    file = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(file, "JPEG")
    return file.getvalue()


def _check_facts(facts: ImageFacts) -> None:
    for name, (low, high) in _RANGES.items():
        value = getattr(facts, name)
        if value is not None and not low <= value <= high:
            raise BrokenContractError(f"{name} is not between {low} and {high}")
    if len(facts.sha256) != _DIGEST_BYTES:
        raise BrokenContractError(f"sha256 has {len(facts.sha256)} bytes, not {_DIGEST_BYTES}")
    if facts.captured_at is not None and facts.captured_at.tzinfo is not None:
        raise BrokenContractError("captured_at has a time zone, which no camera's clock has")
    _check_floats(facts)


def _check_renditions(made: tuple[Rendition, ...], recipe: Recipe) -> None:
    names, wanted = [one.name for one in made], [spec.name for spec in recipe.renditions]
    if names != wanted:
        raise BrokenContractError(f"it made the renditions {names}; the recipe wants {wanted}")
    low, high = _INT4
    for one in made:
        if one.format not in _EXTENSIONS or not one.body:
            raise BrokenContractError(f"the rendition {one.name} is not a JPEG, PNG or WEBP file")
        if not (low <= one.width_px <= high and low <= one.height_px <= high):
            raise BrokenContractError(f"the rendition {one.name} has no valid size")


def _check_floats(record: ImageFacts | Seconds) -> None:
    for name, value in vars(record).items():
        if isinstance(value, float) and not (isfinite(value) and abs(value) < _MAX_FLOAT):
            raise BrokenContractError(f"{name} is not a finite number")


def _first_problem(error: ValidationError | TypeError) -> str:
    """Describes the first problem without the value."""
    if not isinstance(error, ValidationError):
        return "a part of it is not a dataclass"
    found = error.errors()[0]
    return f"{'.'.join(str(part) for part in found['loc'])}: {found['msg']}"
