"""Which faults are injected, and when: drawn from a seed, so that a campaign can be repeated."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from random import Random


class FaultKind(StrEnum):
    """The kinds of faults."""

    KILL = "kill"
    CUT = "cut"
    DELAY = "delay"


class Target(StrEnum):
    """The targets of faults: processes, or the connections to a server."""

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

_MIN_SECONDS, _MAX_SECONDS = 2.0, 8.0


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        seconds: How long connections stay cut or delayed; 0 for a kill.
    """

    kind: FaultKind
    target: Target
    seconds: float = 0.0


def moments(count: int, seconds: float, seed: int) -> tuple[float, ...]:
    """Returns `count` random moments of a period, in seconds from its start, in order."""
    rng = Random(f"{seed}/moments")  # noqa: S311 - a plan, not a secret
    return tuple(sorted(rng.uniform(0.02, 0.98) * seconds for _ in range(count)))


def faults(seed: int) -> Iterator[Fault]:
    """Yields faults endlessly: all of them once, the kill of a run twice, before any is repeated.

    Same seed, same faults.
    """
    rng = Random(f"{seed}/faults")  # noqa: S311 - a plan, not a secret
    kills = [(FaultKind.KILL, target) for target in (*Target, Target.RUN)]
    cuts = [(kind, server) for server in SERVERS for kind in (FaultKind.CUT, FaultKind.DELAY)]
    while True:
        for kind, target in rng.sample([*kills, *cuts], k=len(kills) + len(cuts)):
            seconds = 0.0 if kind is FaultKind.KILL else rng.uniform(_MIN_SECONDS, _MAX_SECONDS)
            yield Fault(kind, target, round(seconds, 1))
