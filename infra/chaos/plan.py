"""What is done to the platform, and when: drawn from a seed, so that a campaign can be repeated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from random import Random


class Deed(StrEnum):
    """What can be done to a target."""

    KILL = "kill"
    CUT = "cut"
    DELAY = "delay"


class Target(StrEnum):
    """What something can be done to: processes, or the connections to a server."""

    RUN = "run"
    DAEMON = "daemon"
    CODE_SERVER = "code_server"
    WEB_SERVER = "web_server"
    DAGSTER = "dagster"
    UPLOAD_API = "upload_api"
    KAFKA = "kafka"
    OBJECT_STORE = "object_store"
    POSTGRES = "postgres"


SERVERS = (Target.POSTGRES, Target.OBJECT_STORE, Target.KAFKA)
"""Servers whose connections can be cut and delayed."""

_SHORTEST_SECONDS, _LONGEST_SECONDS = 2.0, 8.0


@dataclass(frozen=True)
class Blow:
    """One thing that is done to the platform.

    Attributes:
        seconds: How long connections stay cut or delayed; 0 for a kill.
    """

    deed: Deed
    target: Target
    seconds: float = 0.0


def moments(count: int, seconds: float, seed: int) -> tuple[float, ...]:
    """Returns `count` random moments of a span of time, in seconds from its beginning, in order."""
    chance = Random(f"{seed}/moments")  # noqa: S311 - a plan, not a secret
    return tuple(sorted(chance.uniform(0.02, 0.98) * seconds for _ in range(count)))


def blows(seed: int) -> Iterator[Blow]:
    """Draws without end; each blow comes once before any comes again, the killing of a run twice.

    Same seed, same blows.
    """
    chance = Random(f"{seed}/blows")  # noqa: S311 - a plan, not a secret
    kills = [(Deed.KILL, target) for target in (*Target, Target.RUN)]
    cuts = [(deed, server) for server in SERVERS for deed in (Deed.CUT, Deed.DELAY)]
    while True:
        for deed, target in chance.sample([*kills, *cuts], k=len(kills) + len(cuts)):
            lasts = (
                0.0 if deed is Deed.KILL else chance.uniform(_SHORTEST_SECONDS, _LONGEST_SECONDS)
            )
            yield Blow(deed, target, round(lasts, 1))
