"""A chaos campaign from start to verdict: faults while images stream through all sources."""

import multiprocessing
import secrets
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from multiprocessing.context import SpawnProcess
from pathlib import Path
from random import Random

import psycopg

from assets.errors import DarkroomError, ServerError
from assets.platform import Platform
from assets.processing.batch_runner import LEASE_DURATION
from assets.retention.purge import Purge
from assets.timing import utc_now
from infra.console import console
from infra.local.dagster_api import runs_in_flight
from infra.progress import progress_bar
from infra.source_clients import SOURCE_CLIENTS
from tests.campaigns.chaos.erasures import replay_topic
from tests.campaigns.chaos.evidence import collect
from tests.campaigns.chaos.faults import Fault, FaultInjector, Target, faults, moments
from tests.campaigns.chaos.platform import CampaignPlatform, report, running_platform
from tests.campaigns.chaos.record import Event, read_records
from tests.campaigns.chaos.senders import CampaignOptions, send_all
from tests.campaigns.chaos.verdict import Verdict, evaluate, print_report, report_of

_SECONDS_PER_FAULT = 12.0
_IMAGES_PER_SECOND = 10.0
# During the faults little is finished; afterwards images are finished at this rate at least.
_FINISH_SECONDS = 600.0
_IMAGES_FINISHED_PER_SECOND = 5.0
_POLL_SECONDS = 1.0
_TARGET_WAIT_SECONDS = 45.0
_IMAGES_WAIT_SECONDS = 600.0  # until enough images are processed and rejected to erase some
_MAX_MISSES = 12
_RUN_ENDS_SECONDS = 600.0
_STALLED_SECONDS = 1.5 * LEASE_DURATION.total_seconds()
_RECOUNT_SECONDS = 15.0
_PROGRESS = """
    select
        landed,
        landed - (
            select count(*) from image_catalog.image
            where state = 'waiting' or withdrawn_at is not null
        ),
        (select min(completed_at) from image_catalog.bucket_sweep)
    from (select coalesce(sum(landed_count), 0)::bigint as landed from image_catalog.arrival_count)
"""


class CampaignError(DarkroomError):
    """A campaign could not be completed."""


@dataclass(frozen=True)
class Progress:
    """The progress of a campaign.

    Attributes:
        acknowledged: Images that the sources have acknowledged.
        known: Images that were ever registered.
        finished: Those of them that are processed, rejected, or erased and gone.
        listed_at: When the last sweep of the raw bucket was completed (UTC).
    """

    acknowledged: int = 0
    known: int = 0
    finished: int = 0
    listed_at: datetime | None = None

    @property
    def is_complete(self) -> bool:
        """Whether everything acknowledged is known, and everything known is finished."""
        return self.acknowledged <= self.known == self.finished


@dataclass
class Campaign:
    """A campaign on a platform that is running under supervision.

    Args:
        show: Called with the progress and the number of faults, once a second.
    """

    options: CampaignOptions
    platform: CampaignPlatform
    show: Callable[[Progress, int], None]
    injected: list[Fault] = field(default_factory=list)
    senders: Sequence[SpawnProcess] = ()
    progress: Progress = field(default_factory=Progress)
    _read: dict[Path, int] = field(default_factory=dict)

    @property
    def records(self) -> Path:
        """The folder of the senders' records."""
        return self.platform.stack.state.path("senders", "kept").parent

    def run(self) -> Verdict:
        """Sends images and injects faults, waits until everything is finished, and counts.

        Raises `CampaignError` when a sender failed, there was nothing left to kill, or Dagster did
        not recover, `StackError` when a killed process could not be restarted, and `ServerError`
        when another server did not recover.
        """
        rng = Random(self.options.seed)  # noqa: S311 - chooses targets, no secret
        injector = FaultInjector(self.platform.stack, self.platform.network, self.records, rng)
        started = time.monotonic()
        with self._sending():
            self._inject_faults(injector, started)
            while any(sender.is_alive() for sender in self.senders):
                self._poll()
        injector.restore_all()
        return self._verdict()

    @contextmanager
    def _sending(self) -> Iterator[None]:
        """Starts a sender per source; those that still run are ended with the block."""
        options, addresses = self.options, self.platform.addresses
        context = multiprocessing.get_context("spawn")
        self.senders = [
            context.Process(
                target=send_all,
                args=(source, options, addresses, self.records / f"{source}.jsonl"),
                name=source,
                daemon=True,
            )
            for source in options.counts
        ]
        for sender in self.senders:
            sender.start()
        try:
            yield
        finally:
            for sender in self.senders:
                sender.terminate()
                sender.join()

    def _inject_faults(self, injector: FaultInjector, started: float) -> None:
        """Injects each fault at its moment, or as soon as it is possible.

        Other faults are injected while one is waiting for its target.
        """
        options, misses = self.options, 0
        drawn = faults(options.seed)
        planned = [started + m for m in moments(options.faults, options.seconds, options.seed)]
        waiting: list[tuple[Fault, float]] = []
        while planned or waiting:
            now = time.monotonic()
            while planned and planned[0] <= now:
                planned.pop(0)
                waiting.append(_waiting(next(drawn), now))
            due, waiting = waiting, []
            for fault, deadline in due:
                if injector.inject(fault):
                    self.injected.append(fault)
                    misses = 0
                elif now > deadline:
                    report(f"skipped: {fault.kind} {fault.target} was not possible in time")
                    waiting.append(_waiting(next(drawn), now))
                    misses += 1
                else:
                    waiting.append((fault, deadline))
            if misses >= _MAX_MISSES:
                raise CampaignError(
                    f"There was nothing to kill {misses} times in a row: the platform does not "
                    "recover; see its logs."
                )
            self._poll()

    def _verdict(self) -> Verdict:
        """Waits and counts; then replays the topic, which must change nothing, and counts again.

        First a purge deletes what the hourly one would: objects that a killed run stored for an
        image which was erased meanwhile.
        """
        count = sum(self.options.counts.values())
        deadline = time.monotonic() + _FINISH_SECONDS + count / _IMAGES_FINISHED_PER_SECOND
        report("everything is sent; waiting until everything is finished")
        self._wait_until_idle(deadline)
        report("waiting until the runs in flight end")
        stuck_runs = self._count_stuck_runs()
        platform = Platform.from_settings(self.platform.addresses.settings)
        if self.progress.is_complete:
            report("purging")
            self._retried(deadline, lambda: Purge(platform).run(utc_now()))
        verdict = self._count_until_clean(stuck_runs, deadline)
        if not verdict.is_clean:
            return verdict
        report("replaying the topic and counting again")
        self._retried(deadline, lambda: replay_topic(platform))
        self._wait_until_idle(deadline)
        return self._count_until_clean(stuck_runs, deadline)

    def _count_until_clean(self, stuck_runs: int, deadline: float) -> Verdict:
        """Counts, and counts again while something is missing and time is left."""
        while True:
            verdict = self._count(stuck_runs, deadline)
            if verdict is not None and (verdict.is_clean or time.monotonic() > deadline):
                return verdict
            report("something is still missing; it is counted again")
            until = time.monotonic() + _RECOUNT_SECONDS
            while time.monotonic() < until:
                self._poll()

    def _retried(self, deadline: float, act: Callable[[], object]) -> None:
        """Acts, and again as long as a server is recovering and time is left."""
        while True:
            try:
                act()
            except ServerError as error:
                if time.monotonic() > deadline:
                    raise
                report(str(error))
                self._poll()
            else:
                return

    def _count(self, stuck_runs: int, deadline: float) -> Verdict | None:
        settings, sent = self.platform.addresses.settings, read_records(self.records)
        try:
            return evaluate(sent, collect(settings, self.platform.analyst, sent, stuck_runs))
        except ServerError as error:
            if time.monotonic() > deadline:
                raise
            report(str(error))
        return None

    def _wait_until_idle(self, deadline: float) -> None:
        """Waits until everything is finished and a sweep of the raw bucket was completed since.

        Returns early when nothing has changed for longer than the leases of a dead run last.
        """
        changed_at, complete_since = time.monotonic(), utc_now()
        while time.monotonic() < min(deadline, changed_at + _STALLED_SECONDS):
            before = self.progress
            self._poll()
            seen = self.progress
            if (seen.known, seen.finished) != (before.known, before.finished):
                changed_at, complete_since = time.monotonic(), utc_now()
            elif seen.is_complete and seen.listed_at and seen.listed_at > complete_since:
                return

    def _count_stuck_runs(self) -> int:
        """Waits for the runs in flight, which have nothing left to do; counts those that stay."""
        deadline = time.monotonic() + _RUN_ENDS_SECONDS
        first = self._runs(deadline)
        while first and time.monotonic() < deadline:
            self._poll()
            first &= self._runs(deadline)
        return len(first)

    def _runs(self, deadline: float) -> set[str]:
        """Returns the runs in flight, as soon as Dagster answers."""
        while (runs := runs_in_flight(self.platform.stack.ports.dagster)) is None:
            if time.monotonic() > deadline:
                raise CampaignError("Dagster does not answer after the last fault; see its log.")
            self._poll()
        return set(runs)

    def _poll(self) -> None:
        """Waits a second, updates the progress, and checks that all that is needed still runs."""
        time.sleep(_POLL_SECONDS)
        if self.platform.supervision.done():
            self.platform.supervision.result()
            raise CampaignError("The platform was stopped during the campaign.")
        for sender in self.senders:
            if sender.exitcode:
                raise CampaignError(
                    f"The sender of the source `{sender.name}` failed; its error is above."
                )
        acknowledged = self.progress.acknowledged + self._count_new_acknowledgements()
        self.progress = Progress(acknowledged, *self._ledger())
        self.show(self.progress, len(self.injected))

    def _count_new_acknowledgements(self) -> int:
        """Counts acknowledgements in what was appended to the records since the last poll."""
        found = 0
        for path in self.records.glob("*.jsonl"):
            with path.open("rb") as record:
                record.seek(self._read.get(path, 0))
                appended = record.read()
            complete = appended[: appended.rfind(b"\n") + 1]
            self._read[path] = self._read.get(path, 0) + len(complete)
            found += complete.count(f'"event": "{Event.ACKNOWLEDGED}"'.encode())
        return found

    def _ledger(self) -> tuple[int, int, datetime | None]:
        """Counts the ledger; while the database is down, the last counts remain."""
        conninfo = self.platform.addresses.settings.database_url.get_secret_value()
        try:
            with psycopg.connect(conninfo, connect_timeout=2) as connection:
                row = connection.execute(_PROGRESS).fetchone()
        except psycopg.OperationalError:
            row = None
        return row or (self.progress.known, self.progress.finished, self.progress.listed_at)


def run(
    count: int, images: int, kafka: str, minutes: float | None = None, seed: int | None = None
) -> None:
    """Runs a campaign, prints its report and writes it as JSON.

    Args:
        kafka: Which broker: `tansu` or `apache`.
        minutes: How long images are sent; None: 12 seconds per fault.
        seed: Repeats the images and faults of an earlier campaign.

    Raises `BoundMissedError` when an image was lost, duplicated, stuck or resurrected, or something
    else is wrong, and `DarkroomError` when a server cannot be started, or the platform does not
    recover.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # its servers end with it
    seed = secrets.randbelow(10**6) if seed is None else seed
    console.print(f"[bold]Chaos campaign[/], {count} faults, {images} images, --seed {seed}")
    started = time.monotonic()
    verdict, injected, folder = _run_campaign(_options(count, images, minutes, seed), kafka)
    print_report(verdict, injected)
    if verdict.is_clean:
        shutil.rmtree(folder)
    else:
        console.print(f"State and logs are in {folder}")
    report_of(kafka, verdict, injected, time.monotonic() - started).finish()


def _waiting(fault: Fault, now: float) -> tuple[Fault, float]:
    """Returns a fault and until when it is waited for."""
    is_of_images = fault.target is Target.IMAGES
    return fault, now + (_IMAGES_WAIT_SECONDS if is_of_images else _TARGET_WAIT_SECONDS)


def _options(count: int, images: int, minutes: float | None, seed: int) -> CampaignOptions:
    # The topic gets a larger share: most images come from there.
    weights = {source: 4 if source == "kafka" else 3 for source in SOURCE_CLIENTS}
    total = sum(weights.values())
    counts = {source: round(images * weight / total) for source, weight in weights.items()}
    seconds = max(count * _SECONDS_PER_FAULT, images / _IMAGES_PER_SECOND)
    if minutes is not None:
        seconds = 60 * minutes
    return CampaignOptions(count, counts, seed, seconds, seconds + _FINISH_SECONDS)


def _run_campaign(options: CampaignOptions, kafka: str) -> tuple[Verdict, list[Fault], Path]:
    with running_platform(kafka) as platform, progress_bar() as bars:
        total = sum(options.counts.values())
        names = ("acknowledged", "known", "finished")
        tasks = {name: bars.add_task(name, total=total) for name in names}
        tasks["faults"] = bars.add_task("faults", total=options.faults)

        def show(seen: Progress, injected: int) -> None:
            for name in names:
                bars.update(tasks[name], completed=getattr(seen, name))
            bars.update(tasks["faults"], completed=injected)

        campaign = Campaign(options, platform, show)
        return campaign.run(), campaign.injected, platform.stack.state.root
