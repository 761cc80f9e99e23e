"""After the last blow: waits until the platform has nothing left to do, and counts."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from assets.images.processing.batches import LEASE
from assets.resources.errors import ServerError
from assets.resources.warehouse import Warehouse
from assets.timing import utc_now
from infra.chaos.evidence import collect
from infra.chaos.lookout import CampaignError, Lookout
from infra.chaos.record import read_records
from infra.chaos.verdict import Verdict, judge
from infra.local.dagster import runs_in_flight

_RUN_ENDS_SECONDS = 120.0
_NOTHING_CHANGES_SECONDS = 1.5 * LEASE.total_seconds()
_AGAIN_SECONDS = 15.0


@dataclass(frozen=True)
class Settling:
    """The end of a campaign.

    Args:
        lookout: What sees how far the platform is.
        analyst: The warehouse as a person of TEAM_ANALYTICS.
        dagster_port: Where Dagster tells of its runs.
        seconds: How long the platform may take.
        tell: Called with a sentence about what is waited for.
    """

    lookout: Lookout
    analyst: Warehouse
    dagster_port: int
    seconds: float
    tell: Callable[[str], None]

    def verdict(self) -> Verdict:
        """Waits, counts, and counts again while something is missing and time is left.

        Raises:
            CampaignError: Dagster did not come back in time.
            ServerError: A server did not.
        """
        deadline = time.monotonic() + self.seconds
        self._wait_for_quiet(deadline)
        stuck_runs = self._wait_for_runs()
        while True:
            verdict = self._count(stuck_runs, deadline)
            if verdict is not None and (verdict.is_clean or time.monotonic() > deadline):
                return verdict
            self.tell("not everything is there yet; it is counted again")
            until = time.monotonic() + _AGAIN_SECONDS
            while time.monotonic() < until:
                self.lookout.look()

    def _count(self, stuck_runs: int, deadline: float) -> Verdict | None:
        settings, sent = self.lookout.settings, read_records(self.lookout.folder)
        try:
            return judge(sent, collect(settings, self.analyst, sent, stuck_runs))
        except ServerError as error:
            if time.monotonic() > deadline:
                raise
            self.tell(str(error))
        return None

    def _wait_for_quiet(self, deadline: float) -> None:
        """Waits until all is finished, and the raw bucket was listed once more after that.

        Returns early when nothing has changed for longer than a dead run's claims last.
        """
        self.tell("everything is sent; waiting until everything is finished")
        changed_at, even_since = time.monotonic(), utc_now()
        while time.monotonic() < min(deadline, changed_at + _NOTHING_CHANGES_SECONDS):
            before = self.lookout.progress
            self.lookout.look()
            seen = self.lookout.progress
            if (seen.known, seen.finished) != (before.known, before.finished):
                changed_at, even_since = time.monotonic(), utc_now()
            elif seen.is_even and seen.listed_at and seen.listed_at > even_since:
                return

    def _wait_for_runs(self) -> int:
        """Waits for the runs in flight, which have nothing left to do; counts those that stay."""
        self.tell("waiting until the runs in flight end")
        deadline = time.monotonic() + _RUN_ENDS_SECONDS
        first = self._runs(deadline)
        while first and time.monotonic() < deadline:
            self.lookout.look()
            first &= self._runs(deadline)
        return len(first)

    def _runs(self, deadline: float) -> set[str]:
        """Returns the runs in flight, as soon as Dagster tells them."""
        while (runs := runs_in_flight(self.dagster_port)) is None:
            if time.monotonic() > deadline:
                raise CampaignError("Dagster does not answer after the last blow; see its log.")
            self.lookout.look()
        return set(runs)
