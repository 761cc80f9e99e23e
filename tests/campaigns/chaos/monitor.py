"""Monitors the progress of a campaign, and whether everything that it needs is still running."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from multiprocessing.context import SpawnProcess
from pathlib import Path

import psycopg

from assets.errors import DarkroomError
from assets.settings import Settings
from tests.campaigns.chaos.record import Event

_POLL_SECONDS = 1.0
_PROGRESS = """
    select
        count(*),
        count(*) filter (where state <> 'waiting'),
        (select min(completed_at) from image_catalog.bucket_sweep)
    from image_catalog.image
"""


class CampaignError(DarkroomError):
    """A campaign could not be completed."""


@dataclass(frozen=True)
class Progress:
    """The progress of a campaign.

    Attributes:
        acknowledged: Images that the sources have acknowledged.
        finished: Rows that are processed or rejected.
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
class Monitor:
    """Polls ledger, records and processes of a campaign.

    Args:
        folder: The folder of the senders' records.
        supervision: The supervisor, which restarts what is killed; it ends only if it fails.
    """

    settings: Settings
    folder: Path
    supervision: Future[None]
    show: Callable[[Progress], None]
    senders: Sequence[SpawnProcess] = ()
    progress: Progress = field(default_factory=Progress)
    _read: dict[Path, int] = field(default_factory=dict)

    def poll(self) -> None:
        """Waits a second, and updates the progress.

        Raises `CampaignError` when a sender failed, and `StackError` when a killed process could
        not be restarted.
        """
        time.sleep(_POLL_SECONDS)
        if self.supervision.done():
            self.supervision.result()
            raise CampaignError("The platform was stopped during the campaign.")
        for sender in self.senders:
            if sender.exitcode:
                raise CampaignError(
                    f"The sender of the source `{sender.name}` failed; its error is above."
                )
        acknowledged = self.progress.acknowledged + self._count_new_acknowledgements()
        known, finished, listed_at = self._ledger()
        self.progress = Progress(acknowledged, known, finished, listed_at)
        self.show(self.progress)

    def _count_new_acknowledgements(self) -> int:
        """Counts acknowledgements in what was appended to the records since the last poll."""
        found = 0
        for path in self.folder.glob("*.jsonl"):
            with path.open("rb") as record:
                record.seek(self._read.get(path, 0))
                appended = record.read()
            complete = appended[: appended.rfind(b"\n") + 1]
            self._read[path] = self._read.get(path, 0) + len(complete)
            found += complete.count(f'"event": "{Event.ACKNOWLEDGED}"'.encode())
        return found

    def _ledger(self) -> tuple[int, int, datetime | None]:
        """Counts the ledger; while the database is down, the last counts remain."""
        conninfo = self.settings.database_url.get_secret_value()
        try:
            with psycopg.connect(conninfo, connect_timeout=2) as connection:
                row = connection.execute(_PROGRESS).fetchone()
        except psycopg.OperationalError:
            row = None
        return row or (self.progress.known, self.progress.finished, self.progress.listed_at)
