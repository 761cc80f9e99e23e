"""The most memory that a landing run ever holds, over a backlog and over ten times as much."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from assets.settings import Settings
from benchmarks.landing_rates import fill_dedicated_topic

_PROJECT = Path(__file__).parents[1]


@dataclass(frozen=True)
class MemoryUse:
    """Resident size of one run's process: before it began to land, and the most it ever was."""

    messages: int
    idle_bytes: int
    peak_bytes: int


def measure_memory(
    settings: Settings, env: Mapping[str, str], size_bytes: int, messages: int
) -> MemoryUse:
    """Fills a topic of its own and lands it in a process of its own.

    Args:
        settings: The platform's settings.
        env: The variables that lead a program to the same platform.
        size_bytes: Size of each message.
        messages: How many of them.

    Raises:
        click.ClickException: the run failed, or landed another number of messages.
    """
    own = fill_dedicated_topic(settings, size_bytes, messages)
    names = {
        "KAFKA_TOPIC": own.kafka_topic,
        "KAFKA_GROUP": own.kafka_group,
        "RUN_LINGER_SECONDS": str(own.run_linger_seconds),
    }
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.landing_run"],
        env={**os.environ, **env, **names},
        cwd=_PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise click.ClickException(f"The landing run failed; it said: {done.stderr[-2000:]}")
    held = MemoryUse(**json.loads(done.stdout.strip().splitlines()[-1]))
    if held.messages != messages:
        raise click.ClickException(f"{held.messages} of {messages} messages were landed.")
    return held
