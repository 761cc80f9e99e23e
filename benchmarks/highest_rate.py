"""The highest rate that the platform sustains, found in steps."""

import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.tracking import Sample

VISIBLE_SECONDS = 30.0
"""95th percentile from arrival to visible has to be under this."""

_GROWTH = 0.1
_SETTLING = 1 / 3


@dataclass(frozen=True)
class Step:
    """One rate, tried for a while.

    Attributes:
        rate: Images sent per second.
        growth: Change of the number of unfinished images per second, after a settling time.
        visible_p95: From arrival to visible, in seconds.
    """

    rate: float
    growth: float
    visible_p95: float

    @property
    def is_sustained(self) -> bool:
        """Whether the backlog does not grow and images are visible in time.

        The backlog varies with the batches: a growth of up to a tenth of the rate is noise.
        """
        return self.growth <= _GROWTH * self.rate and self.visible_p95 < VISIBLE_SECONDS


def growth(samples: Sequence[Sample]) -> float:
    """Returns the slope of the unfinished images over time, without the first third."""
    settled = samples[int(len(samples) * _SETTLING) :]
    times, counts = [one.seconds for one in settled], [one.unfinished for one in settled]
    return statistics.linear_regression(times, counts).slope


def raise_rate(rates: Iterable[float], try_rate: Callable[[float], Step]) -> Iterator[Step]:
    """Tries one rate after another, and ends with the first that is not sustained."""
    for rate in rates:
        step = try_rate(rate)
        yield step
        if not step.is_sustained:
            return
