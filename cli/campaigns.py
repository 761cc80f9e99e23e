"""`darkroom chaos` and `darkroom fuzz`: the campaigns of tests/campaigns."""

from tests.campaigns.chaos.run import run as run_chaos
from tests.campaigns.fuzz.run import run as run_fuzz


def chaos(kills: int, images: int, kafka: str, minutes: float | None, seed: int | None) -> None:
    """Runs the chaos campaign; it raises an error when a bound is missed."""
    run_chaos(kills, images, kafka, minutes, seed)


def fuzz(files: int, seed: int | None, workers: int, processor: str) -> None:
    """Runs the fuzz campaign; it raises an error when a bound is missed."""
    run_fuzz(files, seed, workers, processor)
