"""Recipes that do to a worker process what a broken decoder might; workers import them."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass

from assets.images.processing.recipe import Recipe


@dataclass(frozen=True)
class DeadlyRecipe(Recipe):
    """Kills the process that works by it."""

    @property
    def largest_px(self) -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return 0


@dataclass(frozen=True)
class SwellingRecipe(Recipe):
    """Takes more memory than a worker is allowed."""

    @property
    def largest_px(self) -> int:
        return len(bytearray(3 * 1024**3))
