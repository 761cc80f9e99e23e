"""Named counts that can be added, as runs report them."""

from dataclasses import dataclass, fields
from typing import Self


@dataclass(frozen=True)
class Counts:
    """Base of frozen dataclasses whose fields are all whole numbers."""

    def __add__(self, other: Self) -> Self:
        """Adds field by field."""
        return type(self)(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))
