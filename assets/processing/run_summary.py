"""What a processing run has done: counts, times, and the figures and tables of its page.

No image is named and none is kept: memory does not grow with the number of images.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

import pandas as pd

from assets.catalog.records import StageSeconds
from assets.processing.sandbox import Layer

PROCESSED = "processed"
DEFERRED = "deferred"
"""Outcome of images that are left to a later run."""

_WAIT = "wait"
_BAR_BLOCKS = 18
_EIGHTHS = " ▏▎▍▌▋▊▉"


@dataclass(frozen=True)
class ImageTiming:
    """Size, times and outcome of one image, which it does not name.

    Attributes:
        outcome: `PROCESSED`, `DEFERRED` or the reason of the rejection.
        megapixels: Size of the original; 0 if unknown.
        failure: What the processor raised, or a server answered, if it failed with this image.
    """

    outcome: str
    size_bytes: int
    megapixels: float
    seconds: StageSeconds
    failure: str | None = None


@dataclass
class OutcomeSums:
    """Sums over the images of one outcome."""

    images: int = 0
    size_bytes: int = 0
    megapixels: float = 0.0


@dataclass
class RunSummary:
    """What a run has done: sums by outcome and by stage, in their order.

    Attributes:
        busy_seconds: Time during which at least one image was in flight.
        lost: Images whose leases were lost before they were finished.
        failures: What the processor raised or a server answered for single images, and how often.
        layers: What isolated the workers.
    """

    by_outcome: dict[str, OutcomeSums] = field(default_factory=lambda: defaultdict(OutcomeSums))
    stage_seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    busy_seconds: float = 0.0
    lost: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    layers: tuple[Layer, ...] = ()

    def add(self, timing: ImageTiming) -> None:
        """Counts one image."""
        sums = self.by_outcome[timing.outcome]
        sums.images += 1
        sums.size_bytes += timing.size_bytes
        sums.megapixels += timing.megapixels
        for stage, seconds in vars(timing.seconds).items():
            self.stage_seconds[stage] += seconds
        if timing.failure:
            self.failures[timing.failure] += 1

    @property
    def images(self) -> int:
        """All images."""
        return sum(sums.images for sums in self.by_outcome.values())

    @property
    def processed(self) -> int:
        """Images that have their renditions."""
        return self._count(PROCESSED)

    @property
    def deferred(self) -> int:
        """Images that are left to a later run."""
        return self._count(DEFERRED)

    @property
    def rejected(self) -> int:
        """Images that were rejected."""
        return self.images - self.processed - self.deferred

    def _count(self, outcome: str) -> int:
        return self.by_outcome.get(outcome, OutcomeSums()).images

    def rates(self) -> dict[str, float]:
        """Returns images and megapixels per busy second."""
        megapixels = sum(sums.megapixels for sums in self.by_outcome.values())
        busy = self.busy_seconds
        return {
            "images_per_second": round(self.images / busy, 2) if busy else 0.0,
            "megapixels_per_second": round(megapixels / busy, 2) if busy else 0.0,
        }

    def sentence(self) -> str:
        """Returns what the run has done, for its log."""
        images, megapixels = self.rates().values()
        return (
            f"{self.processed} images processed and {self.rejected} rejected in "
            f"{self.busy_seconds:.1f} s: {images} images and {megapixels} megapixels per second."
        )

    def outcome_table(self) -> pd.DataFrame:
        """Returns one row per outcome, the most frequent first: images, sizes, their share."""
        rows = [
            {
                "outcome": outcome,
                "images": sums.images,
                "MB": round(sums.size_bytes / 1e6, 2),
                "MP": round(sums.megapixels, 1),
                "share": bar(sums.images / self.images),
            }
            for outcome, sums in sorted(self.by_outcome.items(), key=lambda one: -one[1].images)
        ]
        return pd.DataFrame(rows, columns=["outcome", "images", "MB", "MP", "share"])

    def stage_table(self) -> pd.DataFrame:
        """Returns one row per stage, in their order: mean milliseconds of an image, share.

        Waiting has no share: images wait beside one another, so a longer queue takes no more time.
        """
        total = sum(taken for stage, taken in self.stage_seconds.items() if stage != _WAIT)
        rows = [
            {
                "stage": stage,
                "ms per image": round(1000 * taken / self.images, 1),
                "share": "" if stage == _WAIT or not total else bar(taken / total),
            }
            for stage, taken in self.stage_seconds.items()
        ]
        return pd.DataFrame(rows, columns=["stage", "ms per image", "share"])


def bar(share: float) -> str:
    """Draws a share from 0 to 1 with blocks, followed by its percentage."""
    whole, rest = divmod(round(share * _BAR_BLOCKS * len(_EIGHTHS)), len(_EIGHTHS))
    return f"{'█' * whole}{_EIGHTHS[rest].strip()} {share:.0%}"
