"""A run summed up for its page: counts, rates and times, as numbers and as tables."""

from __future__ import annotations

from collections import Counter

import pandas as pd

from assets.processing.tally import Tally

_BAR_BLOCKS = 18
_WAITING = "wait"
_EIGHTHS = " ▏▎▍▌▋▊▉"


def rates(tally: Tally) -> dict[str, float]:
    """Returns what a run has done in each second in which it had an image in hand."""
    megapixels = sum(sums.megapixels for sums in tally.by_outcome.values())
    seconds = tally.busy_seconds
    return {
        "images_per_second": round(tally.images / seconds, 2) if seconds else 0.0,
        "megapixels_per_second": round(megapixels / seconds, 2) if seconds else 0.0,
    }


def by_outcome(tally: Tally) -> pd.DataFrame:
    """Returns one row per outcome, the most frequent first: images, sizes, their share."""
    rows = [
        {
            "outcome": outcome,
            "images": sums.images,
            "MB": round(sums.size_bytes / 1e6, 2),
            "MP": round(sums.megapixels, 1),
            "share": bar(sums.images / tally.images),
        }
        for outcome, sums in sorted(tally.by_outcome.items(), key=lambda one: -one[1].images)
    ]
    return pd.DataFrame(rows, columns=["outcome", "images", "MB", "MP", "share"])


def by_stage(tally: Tally) -> pd.DataFrame:
    """Returns one row per stage, in the order of the way: mean milliseconds of an image, share.

    Waiting has no share: images wait side by side, and however long the queue is, no longer for it.
    """
    seconds: Counter[str] = Counter()
    for sums in tally.by_outcome.values():
        seconds.update(sums.seconds)
    total = sum(taken for stage, taken in seconds.items() if stage != _WAITING)
    rows = [
        {
            "stage": stage,
            "ms per image": round(1000 * taken / tally.images, 1),
            "share": "" if stage == _WAITING or not total else bar(taken / total),
        }
        for stage, taken in seconds.items()
    ]
    return pd.DataFrame(rows, columns=["stage", "ms per image", "share"])


def sentence(tally: Tally) -> str:
    """Says what a run has done, for its log."""
    done = rates(tally)
    return (
        f"{tally.processed} images processed and {tally.images - tally.processed} rejected in "
        f"{tally.busy_seconds:.1f} s: {done['images_per_second']} images and "
        f"{done['megapixels_per_second']} megapixels a second."
    )


def bar(share: float) -> str:
    """Draws a share from 0 to 1 with blocks, and says it in percent."""
    eighths = round(share * _BAR_BLOCKS * len(_EIGHTHS))
    whole, rest = divmod(eighths, len(_EIGHTHS))
    return f"{'█' * whole}{_EIGHTHS[rest].strip()} {share:.0%}"
