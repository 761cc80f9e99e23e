"""What a processor may return, checked where it returns it: nothing else reaches the platform.

A value that the catalogue cannot take would stop the images that are written with it.
"""

from __future__ import annotations

import io
from functools import cache
from math import isfinite

from PIL import Image
from pydantic import TypeAdapter, ValidationError

from assets.catalog.facts import ImageFacts, Seconds
from assets.processing.recipe import Recipe
from assets.processing.result import ProcessedImage, Rendition

_DIGEST_BYTES = 32
_MAX_FLOAT = 1e30
_INT = (1, 2**31 - 1)
_RANGES = {
    "width_px": _INT,
    "height_px": _INT,
    "frames": _INT,
    "orientation": (1, 8),
    "perceptual_hash": (-(2**63), 2**63 - 1),
}
_FORMATS = {"JPEG", "PNG", "WEBP"}
_SELF_TEST_PX = 256


class BrokenContractError(ValueError):
    """A processor has returned something else than `result` says."""


def checked(returned: object, recipe: Recipe) -> ProcessedImage:
    """Returns what a processor has returned, in Python's own types; a NumPy number becomes one.

    Raises `BrokenContractError`.
    """
    if not isinstance(returned, ProcessedImage):
        raise BrokenContractError(f"it returned {type(returned).__name__}, not ProcessedImage")
    try:
        facts = _adapter(ImageFacts).validate_python(vars(returned.facts))
        seconds = _adapter(Seconds).validate_python(vars(returned.seconds))
        made = tuple(_adapter(Rendition).validate_python(vars(one)) for one in returned.renditions)
    except (ValidationError, TypeError) as error:
        raise BrokenContractError(_first(error)) from error
    _check_facts(facts)
    _check_numbers(vars(seconds))
    _check_renditions(made, recipe)
    return ProcessedImage(facts, made, str(returned.processor), seconds)


def self_test_image() -> bytes:
    """Returns a picture that every processor can process: a JPEG, grey from top to bottom."""
    file = io.BytesIO()
    Image.linear_gradient("L").resize((_SELF_TEST_PX, _SELF_TEST_PX)).convert("RGB").save(
        file, "JPEG"
    )
    return file.getvalue()


@cache
def _adapter(kind: type) -> TypeAdapter:  # type: ignore[type-arg]
    return TypeAdapter(kind)


def _check_facts(facts: ImageFacts) -> None:
    said = vars(facts)
    for name, (least, most) in _RANGES.items():
        if said[name] is not None and not least <= said[name] <= most:
            raise BrokenContractError(f"{name} is not between {least} and {most}")
    if len(facts.sha256) != _DIGEST_BYTES:
        raise BrokenContractError(f"sha256 has {len(facts.sha256)} bytes, not {_DIGEST_BYTES}")
    if facts.captured_at is not None and facts.captured_at.tzinfo is not None:
        raise BrokenContractError("captured_at has a time zone, which no camera's clock has")
    _check_numbers(said)


def _check_renditions(made: tuple[Rendition, ...], recipe: Recipe) -> None:
    names, wanted = [one.name for one in made], [spec.name for spec in recipe.renditions]
    if names != wanted:
        raise BrokenContractError(f"it made the renditions {names}; the recipe wants {wanted}")
    for one in made:
        if one.format not in _FORMATS or not one.body:
            raise BrokenContractError(f"the rendition {one.name} is no JPEG, PNG or WEBP file")
        if not all(_INT[0] <= side <= _INT[1] for side in (one.width_px, one.height_px)):
            raise BrokenContractError(f"the rendition {one.name} has no size")


def _check_numbers(said: dict[str, object]) -> None:
    for name, value in said.items():
        if isinstance(value, float) and not (isfinite(value) and abs(value) < _MAX_FLOAT):
            raise BrokenContractError(f"{name} is no finite number")


def _first(error: Exception) -> str:
    """Says what is wrong first, without the value."""
    if not isinstance(error, ValidationError):
        return "a part of it is no dataclass"
    found = error.errors(include_input=False)[0]
    return f"{'.'.join(str(part) for part in found['loc'])}: {found['msg']}"
