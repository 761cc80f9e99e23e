"""Parts of a benchmark that run in a process of their own, and answer with one line of JSON."""

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

_PROJECT = Path(__file__).parents[1]
_WAIT_SECONDS = 3600

Answer = TypeVar("Answer")


@dataclass
class Child:
    """A module that runs as a program, has said that it is ready, and waits to begin."""

    module: str
    process: subprocess.Popen[str]

    def finish(self, kind: Callable[..., Answer]) -> Answer:
        """Lets it begin, waits for its end, and returns its answer.

        Args:
            kind: The class of the answer; its fields are the keys of the JSON object.

        Raises `MeasurementError` when it failed.
        """
        output, errors = self.process.communicate("begin\n", timeout=_WAIT_SECONDS)
        if self.process.returncode != 0:
            raise MeasurementError(f"{self.module} failed: {errors[-2000:]}")
        return kind(**json.loads(output.strip().splitlines()[-1]))


@contextmanager
def child(module: str, env: Mapping[str, str]) -> Iterator[Child]:
    """Starts a module as a program and waits until it is ready.

    Args:
        module: Calls `wait_for_start` and then `answer`.
        env: Added to this process's environment.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        env={**os.environ, **env},
        cwd=_PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        if process.stdout is not None:
            process.stdout.readline()
        yield Child(module, process)
    finally:
        process.kill()
        process.wait()


def run_module(module: str, env: Mapping[str, str], kind: Callable[..., Answer]) -> Answer:
    """Runs a module as a program and returns its answer; arguments and errors as above."""
    with child(module, env) as started:
        return started.finish(kind)


def wait_for_start() -> None:
    """In the child: says that it is ready, and waits until it is told to begin."""
    _write_line("ready")
    sys.stdin.readline()


def answer(figures: Mapping[str, float]) -> None:
    """In the child: sends the figures to the process that started it."""
    _write_line(json.dumps(figures))


def _write_line(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
