"""A purge that runs beside the benchmark, and what it tells at its end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from assets.settings import Settings
from benchmarks.retention_images import bucket_variables

_PROJECT = Path(__file__).parents[1]
_WAIT_SECONDS = 3600


@dataclass(frozen=True)
class PurgeRun:
    """What a purge's process tells of it; resident sizes before it began, and the most ever."""

    images: int
    seconds: float
    idle_bytes: int
    peak_bytes: int


@dataclass
class RunningPurge:
    """A purge whose process is there; it begins when it is told to."""

    process: subprocess.Popen[str]

    def begin(self) -> None:
        """Has it begin."""
        if self.process.stdin is not None:
            self.process.stdin.write("begin\n")
            self.process.stdin.flush()

    def result(self) -> PurgeRun:
        """Waits for its end.

        Raises:
            click.ClickException: it failed.
        """
        told, said = self.process.communicate(timeout=_WAIT_SECONDS)
        if self.process.returncode != 0:
            raise click.ClickException(f"The purge failed; it said: {said[-2000:]}")
        return PurgeRun(**json.loads(told.strip().splitlines()[-1]))


@contextmanager
def background_purge(settings: Settings, env: Mapping[str, str]) -> Iterator[RunningPurge]:
    """Starts the process of a purge of these buckets' images; goes on when it is ready.

    Args:
        settings: They name the buckets.
        env: The variables that lead a program to the same servers.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.retention_run"],
        env={**os.environ, **env, **bucket_variables(settings)},
        cwd=_PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        if process.stdout is not None:
            process.stdout.readline()
        yield RunningPurge(process)
    finally:
        process.kill()
        process.wait()
