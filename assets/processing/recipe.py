"""What is made of an image: recipes, as named and versioned files that are validated when read.

A recipe says of each rendition which steps lead to it and how it is encoded. The steps themselves
are in `steps`; the recipes that come with the platform are in the folder `recipes`.
"""

from __future__ import annotations

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
    """A recipe cannot be read, or says something that it may not."""


class _Part(BaseModel):
    """A part of a recipe: what it does not know it refuses, and nothing changes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Resize(_Part):
    """Makes the picture smaller until its longest side has so many pixels; never larger."""

    do: Literal["resize"] = "resize"
    longest_side_px: Pixels


class Crop(_Part):
    """Cuts the largest part of these proportions out of the picture's middle."""

    do: Literal["crop"]
    width: Annotated[int, Field(ge=1, le=100)]
    height: Annotated[int, Field(ge=1, le=100)]


class Rotate(_Part):
    """Turns the picture clockwise."""

    do: Literal["rotate"]
    degrees: Literal[90, 180, 270]


class Grey(_Part):
    """Takes the colours away."""

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
    """Writes a line of text into a corner."""

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
    """One rendition: the steps that lead from the original to it, and how it is encoded."""

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
    def _names_each_rendition_once(self) -> Self:
        names = [one.name for one in self.renditions]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"rendition {min(twice)} is listed twice")
        return self

    @property
    def needed_px(self) -> int | None:
        """The longest side that the renditions need of the original; None: all of it."""
        firsts = [one.steps[0] if one.steps else None for one in self.renditions]
        sides = [first.longest_side_px for first in firsts if isinstance(first, Resize)]
        return max(sides) if len(sides) == len(firsts) else None

    @property
    def hash(self) -> str:
        """Twelve hexadecimal digits that change whenever a result may; words do not count."""
        said = self.model_dump(mode="json", exclude={"description"})
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def title(self) -> str:
        """Name and version, as people read them."""
        return f"{self.name} v{self.version}"

    @property
    def record(self) -> RecipeRecord:
        """What the catalog stores of it."""
        return RecipeRecord(self.title, self.hash)


def read_recipe(name: str) -> Recipe:
    """Reads a recipe: one of the platform's own by its name, any other by the path of its file.

    Raises:
        YamlError: it is not valid YAML.
        RecipeError: there is none, or something in it is wrong; the message says where.
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
        raise RecipeError(f"The recipe {path} is not right: {_first(error)}.") from error


def _first(error: ValidationError) -> str:
    """Returns the first of what is wrong as a part of a sentence."""
    found = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in found["loc"]) or "the file"
    said, context = found["input"], found.get("ctx", {})
    match found["type"]:
        case "missing":
            return f"{place} is missing"
        case "extra_forbidden":
            return f"{place} is not known"
        case "union_tag_invalid":
            return f"{place} has no step {context['tag']}; there are {context['expected_tags']}"
        case "union_tag_not_found":
            return f"{place} does not say what to do; write do: and the name of a step"
        case "model_type" | "model_attributes_type":
            return f"{place} is no mapping of names to values"
        case "value_error":
            return f"{place}: {context['error']}"
    return f"{place} is {said!r}, and {found['msg'].lower().replace('input ', '')}"
