"""`darkroom chaos` and `darkroom fuzz`: the campaigns of tests/campaigns."""

from __future__ import annotations

import typer

from tests.campaigns.chaos.run import run as run_chaos
from tests.campaigns.fuzz.run import run as run_fuzz


def chaos(kills: int, images: int, kafka: str, minutes: float | None, seed: int | None) -> None:
    """Runs the chaos campaign; exit code 1 if an image is not where it must be."""
    if not run_chaos(kills, images, kafka, minutes, seed):
        raise typer.Exit(1)


def fuzz(files: int, seed: int | None, workers: int, processor: str) -> None:
    """Runs the fuzz campaign; exit code 1 if a file is neither processed nor rejected."""
    if not run_fuzz(files, seed, workers, processor):
        raise typer.Exit(1)
