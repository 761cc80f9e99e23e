"""One campaign on a running platform: senders at its doors, and blows at random."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.context import SpawnProcess

from infra.chaos.doors import Addresses
from infra.chaos.lookout import CampaignError, Lookout
from infra.chaos.plan import Blow, blows, moments
from infra.chaos.senders import Order, send_all
from infra.chaos.striker import Striker

_VICTIM_SECONDS = 45.0
_MOST_MISSES = 12


@dataclass(frozen=True)
class Terms:
    """How a campaign is fought.

    Attributes:
        blows: How many blows are dealt, cuts and delays included.
        counts: How many images each door is sent, by its name.
        seed: Same seed, same images, and the same blows at the same moments.
        seconds: Over how long images and blows are spread.
        give_up_seconds: After how long senders send nothing any more.
    """

    blows: int
    counts: Mapping[str, int]
    seed: int
    seconds: float
    give_up_seconds: float


@dataclass
class Campaign:
    """A campaign on a platform that was started, and that somebody watches over.

    Args:
        terms: How it is fought.
        striker: Who deals the blows.
        addresses: Where the senders find the doors.
        lookout: Who looks at everything meanwhile.
        tell: Called with a sentence about what did not happen.
    """

    terms: Terms
    striker: Striker
    addresses: Addresses
    lookout: Lookout
    tell: Callable[[str], None]
    dealt: list[Blow] = field(default_factory=list)

    def fight(self) -> None:
        """Sends and strikes until everything is sent and the last blow is dealt.

        Raises:
            CampaignError: A sender failed, or there was nothing left to kill.
            StackError: What was killed could not be started again.
        """
        started = time.monotonic()
        with self._sending() as senders:
            self._strike(started)
            while any(sender.is_alive() for sender in senders):
                self.lookout.look()
        self.striker.mend_all()

    @contextmanager
    def _sending(self) -> Iterator[Sequence[SpawnProcess]]:
        """Starts a sender per door, and ends with the block those that are still at work."""
        context = multiprocessing.get_context("spawn")
        senders = [
            context.Process(target=send_all, args=(self._order(door),), name=door, daemon=True)
            for door in self.terms.counts
        ]
        for sender in senders:
            sender.start()
        self.lookout.senders = senders
        try:
            yield senders
        finally:
            for sender in senders:
                sender.terminate()
                sender.join()

    def _order(self, door: str) -> Order:
        terms = self.terms
        return Order(
            door=door,
            addresses=self.addresses,
            count=terms.counts[door],
            seconds=terms.seconds,
            give_up_seconds=terms.give_up_seconds,
            seed=terms.seed,
            record=self.lookout.folder / f"{door}.jsonl",
        )

    def _strike(self, started: float) -> None:
        terms = self.terms
        drawn = blows(terms.seed)
        for moment in moments(terms.blows, terms.seconds, terms.seed):
            while time.monotonic() < started + moment:
                self.lookout.look()
            self._deal_next(drawn)

    def _deal_next(self, drawn: Iterator[Blow]) -> None:
        """Deals the next blow that finds somebody; a server that is down is waited for."""
        for _ in range(_MOST_MISSES):
            blow, deadline = next(drawn), time.monotonic() + _VICTIM_SECONDS
            while time.monotonic() < deadline:
                if self.striker.deal(blow):
                    self.dealt.append(blow)
                    return
                self.lookout.look()
            self.tell(f"no {blow.target} to kill for {_VICTIM_SECONDS:.0f} s: passed over")
        raise CampaignError(
            f"There was nothing to kill {_MOST_MISSES} times in a row: the platform does not "
            "come back; see its logs."
        )
