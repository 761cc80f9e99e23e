"""Sender processes, one per source: each image is sent until the source has acknowledged it."""

import signal
import time
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import local

from assets.timing import utc_now
from infra.source_clients import SOURCE_CLIENTS, Addresses, NoAcknowledgementError, SourceClient
from tests.campaigns.chaos.record import Event, Originals, Record, Submission

_THREADS = 4
_MAX_IN_FLIGHT = 16
_PAUSE_SECONDS = 0.5


@dataclass(frozen=True)
class CampaignOptions:
    """The options of a campaign.

    Attributes:
        faults: How many faults are injected, cuts and delays included.
        counts: How many images are sent to each source, by its name.
        seed: Same seed, same images, and the same faults at the same moments.
        seconds: The period that images and faults are spread over; an outage delays images.
        give_up_seconds: When senders stop sending.
    """

    faults: int
    counts: Mapping[str, int]
    seed: int
    seconds: float
    give_up_seconds: float


class _Own(local):
    client: SourceClient | None = None


def send_all(source: str, options: CampaignOptions, addresses: Addresses, path: Path) -> None:
    """Sends every image of a source; runs in a process of its own.

    Args:
        path: The file of the sender's record.

    Raises `RefusedError` when the source refuses an image for good.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches it too; its parent ends it
    originals, record, own = Originals.of(options.seed), Record(path), _Own()
    started, count = time.monotonic(), options.counts[source]

    def deliver(submission: Submission) -> None:
        """Retries until the source has acknowledged the submission, or the time is up."""
        image = submission.image
        record.write(image, Event.BEGUN, utc_now())
        while time.monotonic() < started + options.give_up_seconds:
            try:
                own.client = own.client or SOURCE_CLIENTS[source](addresses)
                own.client.send(image.name, submission.body, submission.content_type)
            except NoAcknowledgementError:
                record.write(image, Event.UNKNOWN, utc_now())
                if own.client is not None:
                    own.client.close()
                own.client = None
                time.sleep(_PAUSE_SECONDS)
            else:
                record.write(image, Event.ACKNOWLEDGED, utc_now())
                return

    in_flight: deque[Future[None]] = deque()
    submissions = originals.submissions(source, count, options.seed)
    with ThreadPoolExecutor(_THREADS) as threads:
        for number, submission in enumerate(submissions):
            moment = started + number * options.seconds / count
            time.sleep(max(0.0, moment - time.monotonic()))
            in_flight.append(threads.submit(deliver, submission))
            while in_flight and (len(in_flight) > _MAX_IN_FLIGHT or in_flight[0].done()):
                in_flight.popleft().result()
        for future in in_flight:
            future.result()
    record.close()
