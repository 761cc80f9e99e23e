"""Faults: which are injected and when, drawn from a seed, and how.

A fault kills processes that the campaign's stack has started, or cuts or delays connections.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from threading import Timer

import psutil

from infra.local.dagster import run_processes
from infra.local.stack import Stack
from tests.campaigns.chaos.platform import report
from tests.campaigns.chaos.proxy import Network


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
_DELAY_SECONDS = 0.3
_GONE_SECONDS = 10


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


@dataclass
class FaultInjector:
    """Injects faults into one stack and the connections to it.

    Args:
        rng: Chooses among several possible processes.
    """

    stack: Stack
    network: Network
    rng: Random
    _restore_timers: list[Timer] = field(default_factory=list)

    def inject(self, fault: Fault) -> bool:
        """Injects a fault; returns False when its target is not running right now."""
        if fault.kind is FaultKind.KILL:
            return self._kill(fault)
        if fault.kind is FaultKind.CUT:
            self.network.cut(fault.target)
        else:
            self.network.delay(fault.target, _DELAY_SECONDS)
        timer = Timer(fault.seconds, self.network.restore, [fault.target])
        timer.start()
        self._restore_timers.append(timer)
        report(f"{fault.kind} connections to {fault.target} for {fault.seconds:.0f} s")
        return True

    def restore_all(self) -> None:
        """Waits until all connections work again."""
        for timer in self._restore_timers:
            timer.join()
        self._restore_timers.clear()

    def _kill(self, fault: Fault) -> bool:
        found = _find(self.stack, fault.target, self.rng)
        if not found:
            return False
        for process in found:
            if process.is_running():
                process.kill()
        psutil.wait_procs(found, timeout=_GONE_SECONDS)
        report(f"kill -9 {fault.target} (pid {', '.join(str(one.pid) for one in found[:4])})")
        return True


def _find(stack: Stack, target: Target, rng: Random) -> list[psutil.Process]:
    """Returns the processes to kill together; none when the target is not running right now."""
    if target is Target.RUN:
        runs = run_processes(stack.daemon)
        return [rng.choice(runs)] if runs else []
    of_dagster = stack.dagster if target is Target.DAGSTER else ()
    servers = [one for one in (*stack.servers, *stack.programs) if one.name == target]
    found = [one for server in (*of_dagster, *servers) if (one := server.process()) is not None]
    if target is Target.DAEMON:
        return found
    # PostgreSQL's work is done by its children: they die with it, as in a power failure.
    return [each for process in found for each in _with_children(process)]


def _with_children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
