"""After the last fault: waits until the platform has nothing left to do, and counts."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from assets.errors import ServerError
from assets.processing.batch_runner import LEASE_DURATION
from assets.resources.warehouse import Warehouse
from assets.timing import utc_now
from infra.local.dagster_api import runs_in_flight
from tests.campaigns.chaos.evidence import collect
from tests.campaigns.chaos.monitor import CampaignError, Monitor
from tests.campaigns.chaos.record import read_records
from tests.campaigns.chaos.verdict import Verdict, evaluate

_RUN_ENDS_SECONDS = 120.0
_STALLED_SECONDS = 1.5 * LEASE_DURATION.total_seconds()
_RECOUNT_SECONDS = 15.0


@dataclass(frozen=True)
class FinalCheck:
    """The end of a campaign.

    Args:
        analyst: The warehouse as a person of TEAM_ANALYTICS.
        seconds: How long the platform may take.
    """

    monitor: Monitor
    analyst: Warehouse
    dagster_port: int
    seconds: float
    report: Callable[[str], None]

    def verdict(self) -> Verdict:
        """Waits, counts, and counts again while something is missing and time is left.

        Raises `CampaignError` when Dagster did not recover in time, and `ServerError` when another
        server did not.
        """
        deadline = time.monotonic() + self.seconds
        self.report("everything is sent; waiting until everything is finished")
        self._wait_until_idle(deadline)
        stuck_runs = self._wait_for_runs()
        while True:
            verdict = self._count(stuck_runs, deadline)
            if verdict is not None and (verdict.is_clean or time.monotonic() > deadline):
                return verdict
            self.report("something is still missing; it is counted again")
            until = time.monotonic() + _RECOUNT_SECONDS
            while time.monotonic() < until:
                self.monitor.poll()

    def _count(self, stuck_runs: int, deadline: float) -> Verdict | None:
        settings, sent = self.monitor.settings, read_records(self.monitor.folder)
        try:
            return evaluate(sent, collect(settings, self.analyst, sent, stuck_runs))
        except ServerError as error:
            if time.monotonic() > deadline:
                raise
            self.report(str(error))
        return None

    def _wait_until_idle(self, deadline: float) -> None:
        """Waits until everything is finished and a sweep of the raw bucket was completed since.

        Returns early when nothing has changed for longer than the leases of a dead run last.
        """
        changed_at, complete_since = time.monotonic(), utc_now()
        while time.monotonic() < min(deadline, changed_at + _STALLED_SECONDS):
            before = self.monitor.progress
            self.monitor.poll()
            seen = self.monitor.progress
            if (seen.known, seen.finished) != (before.known, before.finished):
                changed_at, complete_since = time.monotonic(), utc_now()
            elif seen.is_complete and seen.listed_at and seen.listed_at > complete_since:
                return

    def _wait_for_runs(self) -> int:
        """Waits for the runs in flight, which have nothing left to do; counts those that stay."""
        self.report("waiting until the runs in flight end")
        deadline = time.monotonic() + _RUN_ENDS_SECONDS
        first = self._runs(deadline)
        while first and time.monotonic() < deadline:
            self.monitor.poll()
            first &= self._runs(deadline)
        return len(first)

    def _runs(self, deadline: float) -> set[str]:
        """Returns the runs in flight, as soon as Dagster answers."""
        while (runs := runs_in_flight(self.dagster_port)) is None:
            if time.monotonic() > deadline:
                raise CampaignError("Dagster does not answer after the last fault; see its log.")
            self.monitor.poll()
        return set(runs)
