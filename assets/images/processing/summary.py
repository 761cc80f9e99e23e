"""A batch summed up for the run's page: counts and times, no image is named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import pandas as pd

from assets.images.processing.batches import ImageTiming

_STAGES = ["fetch_seconds", "work_seconds", "store_seconds"]


def by_outcome(timings: Sequence[ImageTiming]) -> pd.DataFrame:
    """Returns one row per outcome: images, megabytes, megapixels, mean times of the stages."""
    images = pd.DataFrame([asdict(timing) for timing in timings])
    if images.empty:
        return pd.DataFrame(columns=["outcome", "images"])
    grouped = images.groupby("outcome")
    stages = grouped[_STAGES].mean().mul(1000).round(1)
    stages.columns = [name.removesuffix("_seconds") + "_ms" for name in _STAGES]
    sums = pd.DataFrame(
        {
            "images": grouped.size(),
            "megabytes": grouped["size_bytes"].sum().div(1e6).round(2),
            "megapixels": grouped["megapixels"].sum().round(1),
        }
    )
    return sums.join(stages).sort_values("images", ascending=False).reset_index()
