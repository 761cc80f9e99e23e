"""Recipes: named, versioned files that define the renditions of an image; validated when read.

A recipe defines the steps and the encoding of each rendition. `steps` implements the steps; the
folder `recipes` holds the recipes that come with the platform.
"""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from assets.catalog.records import RecipeRecord
from assets.errors import DarkroomError
from assets.yaml_files import read_yaml

SHIPPED = Path(__file__).parent / "recipes"

_NAME = r"^[a-z][a-z0-9_-]{0,39}$"
_MAX_PX = 8192

Pixels = Annotated[int, Field(ge=1, le=_MAX_PX)]
Colour = Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")]


class RecipeError(DarkroomError):
    """A recipe cannot be read or is invalid."""


class _Part(BaseModel):
    """A part of a recipe; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Resize(_Part):
    """Shrinks the picture until its longest side has that length; never enlarges it."""

    do: Literal["resize"] = "resize"
    longest_side_px: Pixels


class Crop(_Part):
    """Crops the largest centred part of these proportions."""

    do: Literal["crop"]
    width: Annotated[int, Field(ge=1, le=100)]
    height: Annotated[int, Field(ge=1, le=100)]


class Rotate(_Part):
    """Rotates the picture clockwise."""

    do: Literal["rotate"]
    degrees: Literal[90, 180, 270]


class Grey(_Part):
    """Removes the colours."""

    do: Literal["grey"]


class Blur(_Part):
    """Blurs the picture (Gaussian)."""

    do: Literal["blur"]
    radius_px: Annotated[float, Field(gt=0, le=50)]


class Sharpen(_Part):
    """Sharpens the picture (unsharp mask)."""

    do: Literal["sharpen"]
    radius_px: Annotated[float, Field(gt=0, le=20)] = 2.0
    percent: Annotated[int, Field(ge=1, le=500)] = 100
    threshold: Annotated[int, Field(ge=0, le=255)] = 2


class Watermark(_Part):
    """Writes a line of text in a corner."""

    do: Literal["watermark"]
    text: Annotated[str, Field(min_length=1, max_length=80)]
    corner: Literal["top-left", "top-right", "bottom-left", "bottom-right"] = "bottom-right"
    colour: Colour = "#ffffff"
    opacity: Annotated[float, Field(gt=0, le=1)] = 0.6
    height_share: Annotated[float, Field(gt=0, le=0.5)] = 0.04


Step = Annotated[
    Resize | Crop | Rotate | Grey | Blur | Sharpen | Watermark, Field(discriminator="do")
]


class RenditionSpec(_Part):
    """One rendition: the steps from the original to it, and its encoding."""

    name: Annotated[str, Field(pattern=_NAME)]
    steps: tuple[Step, ...] = ()
    format: Literal["JPEG", "PNG", "WEBP"] = "JPEG"
    quality: Annotated[int, Field(ge=1, le=95)] = 85


class Recipe(_Part):
    """The renditions that are made of every image."""

    name: Annotated[str, Field(pattern=_NAME)]
    version: Annotated[int, Field(ge=1)]
    description: str = ""
    renditions: Annotated[tuple[RenditionSpec, ...], Field(min_length=1, max_length=16)]

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        names = [one.name for one in self.renditions]
        if repeated := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"rendition {min(repeated)} is listed twice")
        return self

    @property
    def needed_px(self) -> int | None:
        """The longest side at which the original must be decoded, in pixels; None: at full size."""
        firsts = [one.steps[0] if one.steps else None for one in self.renditions]
        sides = [first.longest_side_px for first in firsts if isinstance(first, Resize)]
        return max(sides) if len(sides) == len(firsts) else None

    @property
    def hash(self) -> str:
        """Twelve hexadecimal digits of everything but the description, which changes no result."""
        content = self.model_dump(exclude={"description"})
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def title(self) -> str:
        """Name and version for people."""
        return f"{self.name} v{self.version}"

    @property
    def record(self) -> RecipeRecord:
        """What the catalog stores of the recipe."""
        return RecipeRecord(self.title, self.hash)


def read_recipe(name: str) -> Recipe:
    """Reads a recipe of the platform by its name, or any other by the path of its file.

    Raises:
        YamlError: the file is not valid YAML.
        RecipeError: the file is missing or the recipe invalid; the message says where.
    """
    path = Path(name) if name.endswith((".yaml", ".yml")) else SHIPPED / f"{name}.yaml"
    try:
        return Recipe.model_validate(read_yaml(path))
    except FileNotFoundError as error:
        known = ", ".join(sorted(file.stem for file in SHIPPED.glob("*.yaml")))
        raise RecipeError(
            f"There is no recipe {name}: IMAGE_RECIPE is one of {known}, or the path of a file."
        ) from error
    except (UnicodeDecodeError, OSError) as error:
        raise RecipeError(f"The recipe {path} cannot be read: {error}.") from error
    except ValidationError as error:
        raise RecipeError(f"The recipe {path} is invalid: {_first_problem(error)}.") from error


def _first_problem(error: ValidationError) -> str:
    found = error.errors()[0]
    place = ".".join(str(part) for part in found["loc"]) or "the file"
    match found["type"]:
        case "missing":
            return f"{place} is missing"
        case "extra_forbidden":
            return f"{place} is unknown"
        case "union_tag_invalid":
            context = found["ctx"]
            return f"{place} has no step {context['tag']}; there are {context['expected_tags']}"
        case "union_tag_not_found":
            return f"{place} does not say what to do; write do: and the name of a step"
        case "model_type" | "model_attributes_type":
            return f"{place} is not a mapping of names to values"
        case "value_error":
            return f"{place}: {found['ctx']['error']}"
    return f"{place} is {found['input']!r}, and {found['msg'].lower().replace('input ', '')}"
