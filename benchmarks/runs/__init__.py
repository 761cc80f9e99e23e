"""Runs of the platform in processes of their own, which answer with their figures as JSON."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from infra.report import MeasurementError

_PROJECT = Path(__file__).parents[2]
_WAIT_SECONDS = 3600

Run = TypeVar("Run")


@dataclass(frozen=True)
class LandingRun:
    """Resident sizes of one landing run's process: before it begins, and at most."""

    messages: int
    idle_bytes: int
    peak_bytes: int


@dataclass(frozen=True)
class ProcessingRun:
    """What one processing run reports of itself.

    Attributes:
        seconds: Of the asset's materialisation, the start of its workers included.
        run_cpu_seconds: Of the run's process during the materialisation.
    """

    processed: int
    seconds: float
    run_cpu_seconds: float
    workers_cpu_seconds: float
    run_peak_bytes: int
    worker_peak_bytes: int


@dataclass(frozen=True)
class PurgeRun:
    """What one purge reports of itself; resident sizes before it begins and at most."""

    images: int
    seconds: float
    idle_bytes: int
    peak_bytes: int


@contextmanager
def waiting_run(kind: Callable[..., Run], env: Mapping[str, str]) -> Iterator[Callable[[], Run]]:
    """Starts a run's process, and yields a function that executes the run when it is ready.

    That function raises `MeasurementError` when the run failed.

    Args:
        kind: The class of its figures, by which `benchmarks.runs` chooses the run.
        env: Added to this process's environment.
    """
    process = subprocess.Popen(  # noqa: S603 - a module of this package
        [sys.executable, "-m", "benchmarks.runs", kind.__name__],
        env={**os.environ, **env},
        cwd=_PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

    def execute() -> Run:
        output, errors = process.communicate("begin\n", timeout=_WAIT_SECONDS)
        if process.returncode != 0:
            raise MeasurementError(f"{kind.__name__} failed: {errors[-2000:]}")
        return kind(**json.loads(output.strip().splitlines()[-1]))

    try:
        if process.stdout is not None:
            process.stdout.readline()
        yield execute
    finally:
        process.kill()
        process.wait()
