"""What a processor returns: pictures, what was found out about the image, and what it took.

A processor is a plain function `(bytes, Recipe) -> ProcessedImage`. It raises `RejectedImageError`
for bytes that are not an acceptable image. It runs in a worker process without any credential.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

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
class ImageFacts:
    """What is known of an image from its content.

    Attributes:
        format: Format by content, as Pillow names it.
        mode: Pixel mode of the original, as Pillow names it.
        width_px: Width as it is looked at, orientation applied.
        height_px: Height as it is looked at, orientation applied.
        sha256: Digest of the original's bytes.
        frames: How many pictures the file holds; renditions show the first.
        has_alpha: Whether anything in it may be transparent.
        orientation: EXIF orientation, 1 to 8; None where the file says nothing.
        camera_make: Maker of the camera, as the file says.
        camera_model: Model of the camera, as the file says.
        captured_at: By the camera's clock, whose time zone is not known.
        brightness: Mean of the grey values, 0 (black) to 1 (white).
        contrast: Standard deviation of the grey values, 0 to 0.5.
        sharpness: Variance of the Laplacian of the grey values 0 to 1, at 256 px.
        dominant_colours: Up to five, `#rrggbb`, the most frequent first.
        perceptual_hash: 64 bits that are nearly the same for pictures that look the same; None
            for a plain area, which looks like every other.
    """

    format: str
    mode: str
    width_px: int
    height_px: int
    sha256: bytes
    frames: int = 1
    has_alpha: bool = False
    orientation: int | None = None
    camera_make: str | None = None
    camera_model: str | None = None
    captured_at: datetime | None = None
    brightness: float | None = None
    contrast: float | None = None
    sharpness: float | None = None
    dominant_colours: tuple[str, ...] = ()
    perceptual_hash: int | None = None


@dataclass(frozen=True)
class Seconds:
    """What the stages took in the worker."""

    decode: float = 0.0
    render: float = 0.0
    encode: float = 0.0
    describe: float = 0.0

    @property
    def total(self) -> float:
        """All of them together."""
        return self.decode + self.render + self.encode + self.describe


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
    seconds: Seconds = Seconds()


Processor = Callable[[bytes, Recipe], ProcessedImage]
