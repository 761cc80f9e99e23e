"""One campaign on a running platform: senders at its sources, and random faults."""

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
    """The options of a campaign.

    Attributes:
        faults: How many faults are injected, cuts and delays included.
        counts: How many images are sent to each source, by its name.
        seed: Same seed, same images, and the same faults at the same moments.
        seconds: The period that images and faults are spread over.
        give_up_seconds: When senders stop sending.
    """

    faults: int
    counts: Mapping[str, int]
    seed: int
    seconds: float
    give_up_seconds: float


@dataclass(frozen=True)
class _Waiting:
    """A fault whose moment has come and whose target is not running yet."""

    fault: Fault
    deadline: float


@dataclass
class Campaign:
    """A campaign on a platform that is running under supervision."""

    options: CampaignOptions
    injector: FaultInjector
    addresses: Addresses
    monitor: Monitor
    report: Callable[[str], None]
    injected: list[Fault] = field(default_factory=list)

    def run(self) -> None:
        """Sends images and injects faults until all are sent and injected.

        Raises `CampaignError` when a sender failed, or there was nothing left to kill, and
        `StackError` when a killed process could not be restarted.
        """
        started = time.monotonic()
        with self._sending() as senders:
            self._inject_faults(started)
            while any(sender.is_alive() for sender in senders):
                self.monitor.poll()
        self.injector.restore_all()

    @contextmanager
    def _sending(self) -> Iterator[Sequence[SpawnProcess]]:
        """Starts a sender per source; those that still run are ended with the block."""
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
        """Injects each fault at its moment, or as soon as its target is running.

        Other faults are injected while one is waiting for its target.
        """
        options = self.options
        drawn = faults(options.seed)
        planned = [started + m for m in moments(options.faults, options.seconds, options.seed)]
        waiting: list[_Waiting] = []
        misses = 0
        while planned or waiting:
            now = time.monotonic()
            while planned and planned[0] <= now:
                planned.pop(0)
                waiting.append(_Waiting(next(drawn), now + _TARGET_WAIT_SECONDS))
            for one in list(waiting):
                if self.injector.inject(one.fault):
                    self.injected.append(one.fault)
                    waiting.remove(one)
                    misses = 0
                elif now > one.deadline:
                    self.report(f"skipped: {one.fault.target} was not running in time")
                    waiting[waiting.index(one)] = _Waiting(next(drawn), now + _TARGET_WAIT_SECONDS)
                    misses += 1
            if misses >= _MAX_MISSES:
                raise CampaignError(
                    f"There was nothing to kill {misses} times in a row: the platform does not "
                    "recover; see its logs."
                )
            self.monitor.poll()
