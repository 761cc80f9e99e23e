"""Sender processes, one per source: each image is sent until the source has acknowledged it."""

import signal
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import local

from assets.timing import utc_now
from infra.source_clients import (
    SOURCE_CLIENTS,
    Addresses,
    NoAcknowledgementError,
    SourceClient,
)
from tests.campaigns.chaos.record import Event, Originals, Record, Submission

_THREADS = 4
_MAX_IN_FLIGHT = 16
_PAUSE_SECONDS = 0.5


@dataclass(frozen=True)
class SenderConfig:
    """What one sender process does.

    Attributes:
        seconds: The period that they are spread over; an outage delays them.
        give_up_seconds: When it stops sending.
        seed: Same seed, same images.
    """

    source: str
    addresses: Addresses
    count: int
    seconds: float
    give_up_seconds: float
    seed: int
    record: Path


def send_all(config: SenderConfig) -> None:
    """Sends every image of a sender; runs in a process of its own.

    Raises `RefusedError` when the source refuses an image for good.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches it too; its parent ends it
    originals, record = Originals.of(config.seed), Record(config.record)
    started = time.monotonic()
    sender = _Sender(config, record, started + config.give_up_seconds)
    in_flight: deque[Future[None]] = deque()
    with ThreadPoolExecutor(_THREADS) as threads:
        for number, submission in enumerate(
            originals.submissions(config.source, config.count, config.seed)
        ):
            moment = started + number * config.seconds / config.count
            time.sleep(max(0.0, moment - time.monotonic()))
            in_flight.append(threads.submit(sender.deliver, submission))
            while in_flight and (len(in_flight) > _MAX_IN_FLIGHT or in_flight[0].done()):
                in_flight.popleft().result()
        for future in in_flight:
            future.result()
    record.close()


class _Sender:
    """Delivers submissions from several threads, each with a client of its own."""

    def __init__(self, config: SenderConfig, record: Record, ends: float) -> None:
        self._open = SOURCE_CLIENTS[config.source]
        self._addresses, self._record, self._ends = config.addresses, record, ends
        self._own = local()

    def deliver(self, submission: Submission) -> None:
        """Retries until the source has acknowledged the submission, or the time is up."""
        self._record.write(submission.image, Event.BEGUN, utc_now())
        while time.monotonic() < self._ends:
            try:
                self._client().send(submission.image.name, submission.body, submission.content_type)
            except NoAcknowledgementError:
                self._record.write(submission.image, Event.UNKNOWN, utc_now())
                self._discard_client()
                time.sleep(_PAUSE_SECONDS)
            else:
                self._record.write(submission.image, Event.ACKNOWLEDGED, utc_now())
                return

    def _client(self) -> SourceClient:
        if getattr(self._own, "client", None) is None:
            self._own.client = self._open(self._addresses)
        client: SourceClient = self._own.client
        return client

    def _discard_client(self) -> None:
        """Closes the client after a failed attempt; the next attempt opens a new one."""
        client: SourceClient | None = getattr(self._own, "client", None)
        self._own.client = None
        if client is not None:
            client.close()
