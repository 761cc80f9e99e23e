"""One campaign on a running platform: senders at its sources, and faults at random."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.context import SpawnProcess

from tests.campaigns.chaos.injector import FaultInjector
from tests.campaigns.chaos.monitor import CampaignError, Monitor
from tests.campaigns.chaos.plan import Fault, faults, moments
from tests.campaigns.chaos.senders import SenderConfig, send_all
from tests.campaigns.chaos.sources import Addresses

_TARGET_WAIT_SECONDS = 45.0
_MAX_MISSES = 12


@dataclass(frozen=True)
class CampaignOptions:
    """How a campaign is fought.

    Attributes:
        faults: How many faults are injected, cuts and delays included.
        counts: How many images each source is sent, by its name.
        seed: Same seed, same images, and the same faults at the same moments.
        seconds: Over how long images and faults are spread.
        give_up_seconds: After how long senders send nothing any more.
    """

    faults: int
    counts: Mapping[str, int]
    seed: int
    seconds: float
    give_up_seconds: float


@dataclass
class Campaign:
    """A campaign on a platform that was started, and that somebody watches over.

    Args:
        options: How it is fought.
        injector: Who deals the faults.
        addresses: Where the senders find the sources.
        monitor: Who looks at everything meanwhile.
        report: Called with a sentence about what did not happen.
    """

    options: CampaignOptions
    injector: FaultInjector
    addresses: Addresses
    monitor: Monitor
    report: Callable[[str], None]
    injected: list[Fault] = field(default_factory=list)

    def run(self) -> None:
        """Sends and strikes until everything is sent and the last fault is injected.

        Raises:
            CampaignError: A sender failed, or there was nothing left to kill.
            StackError: What was killed could not be started again.
        """
        started = time.monotonic()
        with self._sending() as senders:
            self._inject_faults(started)
            while any(sender.is_alive() for sender in senders):
                self.monitor.poll()
        self.injector.restore_all()

    @contextmanager
    def _sending(self) -> Iterator[Sequence[SpawnProcess]]:
        """Starts a sender per source, and ends with the block those that are still at work."""
        context = multiprocessing.get_context("spawn")
        senders = [
            context.Process(
                target=send_all, args=(self._sender_config(source),), name=source, daemon=True
            )
            for source in self.options.counts
        ]
        for sender in senders:
            sender.start()
        self.monitor.senders = senders
        try:
            yield senders
        finally:
            for sender in senders:
                sender.terminate()
                sender.join()

    def _sender_config(self, source: str) -> SenderConfig:
        options = self.options
        return SenderConfig(
            source=source,
            addresses=self.addresses,
            count=options.counts[source],
            seconds=options.seconds,
            give_up_seconds=options.give_up_seconds,
            seed=options.seed,
            record=self.monitor.folder / f"{source}.jsonl",
        )

    def _inject_faults(self, started: float) -> None:
        options = self.options
        drawn = faults(options.seed)
        for moment in moments(options.faults, options.seconds, options.seed):
            while time.monotonic() < started + moment:
                self.monitor.poll()
            self._inject_next(drawn)

    def _inject_next(self, drawn: Iterator[Fault]) -> None:
        """Deals the next fault that finds somebody; a server that is down is waited for."""
        for _ in range(_MAX_MISSES):
            fault, deadline = next(drawn), time.monotonic() + _TARGET_WAIT_SECONDS
            while time.monotonic() < deadline:
                if self.injector.inject(fault):
                    self.injected.append(fault)
                    return
                self.monitor.poll()
            self.report(f"no {fault.target} to kill for {_TARGET_WAIT_SECONDS:.0f} s: passed over")
        raise CampaignError(
            f"There was nothing to kill {_MAX_MISSES} times in a row: the platform does not "
            "come back; see its logs."
        )
