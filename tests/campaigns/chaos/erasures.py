"""Erasures of images that are requeued and purged in the same seconds, and replays after them."""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from random import Random
from uuid import UUID

from assets.catalog.requeue import Selection, reason_named, requeue
from assets.errors import ServerError
from assets.ingestion.kafka.replay import Replay
from assets.ingestion.kafka.replay_range import ReplayRange
from assets.platform import Platform
from assets.resources.warehouse import read_rows
from assets.retention.erasure import Erasure
from assets.retention.erasure_requests import ErasureSelection
from assets.retention.purge import Purge
from assets.timing import utc_now
from assets.validation.reasons import Reason
from tests.campaigns.chaos.record import Event, Image, Record, read_records

_OF_EACH_STATE = 6
_REQUEST_SECONDS = 120.0
_RETRY_SECONDS = 1.0
_PAUSE_SECONDS = 0.1
_CANDIDATES = """
    select image_id, coalesce(filename, object_key) as name, coalesce(reason_code, state) as outcome
    from image_catalog.image
    where withdrawn_at is null
"""


@dataclass(frozen=True)
class _Candidate:
    image_id: UUID
    name: str
    outcome: str


@dataclass(frozen=True)
class Chosen:
    """Images to erase by id as their senders know them, some of them rejected for a reason."""

    images: dict[UUID, Image]
    reason: Reason


@dataclass(frozen=True)
class ErasureRace:
    """Erases images while all that were rejected for their reason are requeued and a purge runs.

    Args:
        records: The folder of the senders' records, in which erased images are recorded as well.
    """

    platform: Platform
    records: Path

    def choose(self, rng: Random) -> Chosen | None:
        """Chooses images of every state, at most half of those rejected for the reason.

        Only images that their sender has sent once and knows to be accepted: of others a copy may
        be registered before the erasure, and would stay.

        Returns None when there are not enough. Raises `ServerError` when the database is away.
        """
        with self.platform.warehouse.connect() as connection:
            candidates = read_rows(connection, _Candidate, _CANDIDATES)
        rows = Counter(PurePosixPath(one.name).name for one in candidates)
        sent_once = {
            one.image.name: one.image
            for one in read_records(self.records).values()
            if one.is_acknowledged and not one.unknown_attempts and rows[one.image.name] == 1
        }
        by_outcome: dict[str, dict[UUID, Image]] = {}
        for one in candidates:
            if image := sent_once.get(PurePosixPath(one.name).name):
                by_outcome.setdefault(one.outcome, {})[one.image_id] = image
        reasons = sorted(one for one in by_outcome.keys() & set(Reason) if len(by_outcome[one]) > 1)
        if not reasons or "processed" not in by_outcome:
            return None
        reason, images = rng.choice(reasons), dict[UUID, Image]()
        for outcome in (reason, "processed", "waiting"):
            found = sorted(by_outcome.get(outcome, {}).items())
            most = len(found) // 2 if outcome == reason else len(found)
            images |= dict(rng.sample(found, min(most, _OF_EACH_STATE)))
        return Chosen(images, reason_named(reason))

    def run(self, chosen: Chosen) -> None:
        """Erases the chosen images, and requeues and purges until that is done.

        A server that goes away ends one of these early: the platform itself must finish what was
        requested.

        Raises `ServerError` when the erasure could not be requested for a long time.
        """
        self._record(chosen.images.values())
        with ThreadPoolExecutor() as threads:
            erasure = threads.submit(self._erase, tuple(chosen.images))
            others = [
                threads.submit(_repeat, act, erasure)
                for act in (
                    lambda: self._requeue(Selection(chosen.reason)),
                    lambda: Purge(self.platform).run(utc_now()),
                )
            ]
            for each in (erasure, *others):
                each.result()

    def _record(self, images: Iterable[Image]) -> None:
        record = Record(self.records / "erased.jsonl")
        for image in images:
            record.write(image, Event.ERASED, utc_now())
        record.close()

    def _erase(self, images: tuple[UUID, ...]) -> None:
        erasure, deadline = Erasure(self.platform), time.monotonic() + _REQUEST_SECONDS
        while True:
            try:
                number = erasure.request(ErasureSelection(images))
                break
            except ServerError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_RETRY_SECONDS)
        with suppress(ServerError):
            erasure.run(number, utc_now())

    def _requeue(self, selection: Selection) -> None:
        age = self.platform.settings.purge_age
        with self.platform.warehouse.connect() as connection:
            requeue(connection, selection, utc_now(), age)


def replay_topic(platform: Platform) -> None:
    """Lands every message of the topic again. Raises `ServerError` when a server goes away."""
    state = platform.event_log.read_state(platform.settings.kafka_topic)
    for partition in state.beginnings:
        Replay(platform).run(ReplayRange(partition=partition, first_offset=0))


def _repeat(act: Callable[[], object], erasure: Future[None]) -> None:
    """Acts until the erasure is done, at least once."""
    while True:
        with suppress(ServerError):
            act()
        if erasure.done():
            return
        time.sleep(_PAUSE_SECONDS)
