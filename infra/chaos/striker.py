"""Deals blows: kills processes, cuts and delays connections."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from threading import Timer

from infra.chaos import victims
from infra.chaos.plan import Blow, Deed
from infra.chaos.proxy import Network
from infra.local.stack import Stack

_DELAY_SECONDS = 0.3


@dataclass
class Striker:
    """Strikes at one stack and the connections to it.

    Args:
        chance: Chooses where several processes would do.
        tell: Called with a sentence about every blow that is dealt.
    """

    stack: Stack
    network: Network
    chance: Random
    tell: Callable[[str], None]
    _mending: list[Timer] = field(default_factory=list)

    def deal(self, blow: Blow) -> bool:
        """Deals a blow; returns False when there is nothing to kill at this moment."""
        if blow.deed is Deed.KILL:
            return self._kill(blow)
        if blow.deed is Deed.CUT:
            self.network.cut(blow.target)
        else:
            self.network.delay(blow.target, _DELAY_SECONDS)
        mending = Timer(blow.seconds, self.network.mend, [blow.target])
        mending.start()
        self._mending.append(mending)
        self.tell(f"{blow.deed} connections to {blow.target} for {blow.seconds:.0f} s")
        return True

    def mend_all(self) -> None:
        """Waits until all connections are passed on again."""
        for mending in self._mending:
            mending.join()
        self._mending.clear()

    def _kill(self, blow: Blow) -> bool:
        found = victims.find(self.stack, blow.target, self.chance)
        if not found:
            return False
        victims.kill(found)
        self.tell(f"kill -9 {blow.target} (pid {', '.join(str(one.pid) for one in found[:4])})")
        return True
