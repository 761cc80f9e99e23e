"""What a processor reports about an image and the catalog stores: facts, and seconds by stage.

Worker processes import this module; it needs nothing but the standard library.
"""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class ImageFacts:
    """What is known of an image from its content.

    Attributes:
        format: By content and as Pillow names it, like the mode of the original.
        width_px: As it is looked at, orientation applied, like the height.
        frames: How many pictures the file holds; renditions show the first.
        has_alpha: Whether anything in it may be transparent.
        orientation: EXIF orientation, 1 to 8; None where the file says nothing.
        captured_at: By the camera's clock, whose time zone is not known.
        brightness: Mean of the grey values, 0 (black) to 1 (white).
        contrast: Standard deviation of the grey values, 0 to 0.5.
        sharpness: Variance of the Laplacian of the grey values 0 to 1, at 256 px.
        dominant_colours: Up to five, `#rrggbb`, the most frequent first.
        perceptual_hash: 64 bits, nearly the same for pictures that look the same; None for a plain
            area, which looks like every other.
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
    """How long the stages in the worker took."""

    decode: float = 0.0
    render: float = 0.0
    encode: float = 0.0
    describe: float = 0.0

    @property
    def total(self) -> float:
        """All of them together."""
        return self.decode + self.render + self.encode + self.describe
