"""What a processor returns: pictures, what was found out about the image, and what it took.

A processor is a plain function `(bytes, Recipe) -> ProcessedImage`. It raises `RejectedImageError`
for bytes that are not an acceptable image. It runs in a worker process without any credential.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from assets.catalog.facts import ImageFacts, Seconds
from assets.processing.recipe import Recipe

_EXTENSIONS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}


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
    """What came of an image.

    Attributes:
        renditions: In the recipe's order.
        processor: Name and version of what made them.
    """

    facts: ImageFacts
    renditions: tuple[Rendition, ...]
    processor: str
    seconds: Seconds = field(default_factory=Seconds)


Processor = Callable[[bytes, Recipe], ProcessedImage]
