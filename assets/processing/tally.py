"""What a run has done so far, counted as it goes on: no image is named, none is kept."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from assets.catalog.records import StageSeconds

PROCESSED = "processed"


@dataclass(frozen=True)
class ImageTiming:
    """How one image fared; it names no image.

    Attributes:
        outcome: `processed`, or the reason of the rejection.
        megapixels: Size of the original; 0 where that is not known.
    """

    outcome: str
    size_bytes: int
    megapixels: float
    seconds: StageSeconds


@dataclass
class Sums:
    """Sums over the images of one outcome; seconds by stage."""

    images: int = 0
    size_bytes: int = 0
    megapixels: float = 0.0
    seconds: Counter[str] = field(default_factory=Counter)

    def add(self, timing: ImageTiming) -> None:
        """Counts one image."""
        self.images += 1
        self.size_bytes += timing.size_bytes
        self.megapixels += timing.megapixels
        for stage, taken in stages(timing.seconds).items():
            self.seconds[stage] += taken  # type: ignore[assignment]


@dataclass
class Tally:
    """What a run has done.

    Attributes:
        by_outcome: Sums by `processed` or the reason of a rejection.
        busy_seconds: While at least one image was in hand.
        lost: Images whose claims had been lost before they were finished.
        faults: What the processor raised, and how often.
    """

    by_outcome: dict[str, Sums] = field(default_factory=dict)
    busy_seconds: float = 0.0
    lost: int = 0
    faults: Counter[str] = field(default_factory=Counter)

    def add(self, timing: ImageTiming) -> None:
        """Counts one image."""
        self.by_outcome.setdefault(timing.outcome, Sums()).add(timing)

    @property
    def images(self) -> int:
        """All of them."""
        return sum(sums.images for sums in self.by_outcome.values())

    @property
    def processed(self) -> int:
        """Those that were not rejected."""
        return self.by_outcome.get(PROCESSED, Sums()).images


def stages(seconds: StageSeconds) -> dict[str, float]:
    """Returns what each stage took, in the order of the way."""
    work = seconds.work
    return {
        "fetch": seconds.fetch,
        "wait": seconds.wait,
        "decode": work.decode,
        "render": work.render,
        "encode": work.encode,
        "describe": work.describe,
        "store": seconds.store,
    }
