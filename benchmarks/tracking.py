"""A sender tracked until everything that it sent is finished, with live counts."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from psycopg.rows import tuple_row
from rich.progress import TextColumn

from assets.resources.warehouse import Warehouse
from benchmarks.senders import Plan, Sender, Sent, sending
from infra.progress import progress_bar
from infra.report import MeasurementError

_EVERY_SECONDS = 1.0
_COUNTS = "select count(*), count(*) filter (where state <> 'waiting') from image_catalog.image"


@dataclass(frozen=True)
class Sample:
    """Counts of what a sender has sent, at one moment.

    Attributes:
        seconds: Since the start of the sender.
        known: Images in the ledger.
    """

    seconds: float
    sent: int
    known: int
    finished: int

    @property
    def unfinished(self) -> int:
        """Images that a source has accepted and that are not visible yet."""
        return self.sent - self.finished


@dataclass(frozen=True)
class TrackedSend:
    """What a sender sent, all of it finished, and samples of each second while it sent."""

    record: Sequence[Sent]
    samples: Sequence[Sample]


def send_and_track(plan: Plan, warehouse: Warehouse, timeout_seconds: float) -> TrackedSend:
    """Runs a sender to its end and waits until its images are finished.

    Nothing else may send at the same time: the growth of the ledger is what is counted.

    Raises:
        MeasurementError: some are not finished within the timeout after the last one was sent.
    """
    counts = TextColumn("finished   {task.fields[sent]} sent, {task.fields[known]} in the ledger")
    samples = []
    with sending(plan) as sender, progress_bar(counts) as progress:
        task = progress.add_task(plan.name, total=plan.images, sent=0, known=0)
        for sample, is_sending in _watch(sender, warehouse, timeout_seconds):
            progress.update(task, completed=sample.finished, sent=sample.sent, known=sample.known)
            if is_sending:
                samples.append(sample)
        return TrackedSend(sender.record(), samples)


def _watch(
    sender: Sender, warehouse: Warehouse, timeout_seconds: float
) -> Iterator[tuple[Sample, bool]]:
    """Samples until all is finished; yields with each sample whether the sender still sends."""
    known_before, finished_before = _counts(warehouse)
    started, wanted = time.monotonic(), sender.plan.images
    last_sent_at = started
    while True:
        is_sending, sent, now = not sender.is_done, sender.count, time.monotonic()
        known, finished = _counts(warehouse)
        sample = Sample(now - started, sent, known - known_before, finished - finished_before)
        yield sample, is_sending
        if is_sending:
            last_sent_at = now
        elif sample.finished >= wanted:
            return
        elif now - last_sent_at > timeout_seconds:
            raise MeasurementError(
                f"{wanted - sample.finished} of {wanted} images are not finished "
                f"{timeout_seconds:.0f} seconds after the last one was sent; "
                f"{sample.known} are in the ledger. The logs in the state folder say more."
            )
        time.sleep(_EVERY_SECONDS)


def _counts(warehouse: Warehouse) -> tuple[int, int]:
    with warehouse.connect() as connection:
        [(known, finished)] = connection.cursor(row_factory=tuple_row).execute(_COUNTS)
    return known, finished
