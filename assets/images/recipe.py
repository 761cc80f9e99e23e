"""What is made of an image: its renditions, as data."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class RenditionSpec:
    """One rendition: its name and the longest side it may have, in pixels."""

    name: str
    longest_side_px: int


@dataclass(frozen=True)
class Recipe:
    """The renditions of an image, largest first, all in JPEG of one quality (1-95)."""

    renditions: tuple[RenditionSpec, ...]
    quality: int

    @property
    def largest_px(self) -> int:
        """The longest side that any rendition may have."""
        return max(rendition.longest_side_px for rendition in self.renditions)

    @property
    def hash(self) -> str:
        """Twelve hexadecimal digits that change whenever the recipe does."""
        canonical = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(canonical.encode()).hexdigest()[:12]


STANDARD = Recipe(
    renditions=(RenditionSpec("medium", 1024), RenditionSpec("thumbnail", 256)), quality=85
)
