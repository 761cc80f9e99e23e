"""Injects faults: kills processes, cuts and delays connections."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from threading import Timer

from infra.local.stack import Stack
from tests.campaigns.chaos import targets
from tests.campaigns.chaos.plan import Fault, FaultKind
from tests.campaigns.chaos.proxy import Network

_DELAY_SECONDS = 0.3


@dataclass
class FaultInjector:
    """Injects faults into one stack and the connections to it.

    Args:
        rng: Chooses among several possible processes.
    """

    stack: Stack
    network: Network
    rng: Random
    report: Callable[[str], None]
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
        self.report(f"{fault.kind} connections to {fault.target} for {fault.seconds:.0f} s")
        return True

    def restore_all(self) -> None:
        """Waits until all connections work again."""
        for timer in self._restore_timers:
            timer.join()
        self._restore_timers.clear()

    def _kill(self, fault: Fault) -> bool:
        found = targets.find(self.stack, fault.target, self.rng)
        if not found:
            return False
        targets.kill(found)
        self.report(f"kill -9 {fault.target} (pid {', '.join(str(one.pid) for one in found[:4])})")
        return True
