"""Sends photographs at a steady rate, in turn through several sources, and keeps a record.

It is a process of its own. Each image is sent at its scheduled time, whatever the platform does: a
slow source delays its own images only, and the record says by how much. A line of the record is
written when a source has accepted an image.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from multiprocessing.context import SpawnProcess
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path, PurePosixPath

import requests
from kafka import KafkaProducer

from assets.ingestion.registry import source_names
from assets.resources.object_store import ObjectStore
from assets.settings import Settings
from assets.timing import utc_now
from infra.report import MeasurementError

_THREADS = 24
_START_OF_IMAGE, _COMMENT = b"\xff\xd8", b"\xff\xfe"
_CONTENT_TYPE = "image/jpeg"
_MAX_REQUEST_BYTES = 12 * 1024 * 1024
_TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Addresses:
    """Where the sources are: brokers and buckets from settings, the upload API and its key."""

    settings: Settings
    upload_url: str
    api_key: str = field(repr=False)


@dataclass(frozen=True)
class Plan:
    """What one sender process does.

    Attributes:
        name: Distinguishes its images from those of other senders.
        bodies: JPEG files, sent in turn, each time made unique.
        rate: Images per second, through all sources together.
        through: The sources to use in turn.
    """

    name: str
    addresses: Addresses
    bodies: Sequence[bytes] = field(repr=False)
    rate: float
    images: int
    record: Path
    through: Sequence[str] = field(default_factory=source_names)


@dataclass(frozen=True)
class Sent:
    """One line of the record.

    Attributes:
        sha256: Digest of the body, in hexadecimal digits.
        sent_at: When it was sent, in seconds since 1970 (UTC).
        late_seconds: How long after its scheduled time it was sent.
        send_seconds: How long the source took to accept it.
    """

    source: str
    sha256: str
    sent_at: float
    late_seconds: float
    send_seconds: float


@dataclass(frozen=True)
class Sender:
    """A running sender process."""

    plan: Plan
    process: SpawnProcess
    accepted: Synchronized[int]

    @property
    def count(self) -> int:
        """How many images the sources have accepted so far."""
        return self.accepted.value

    @property
    def is_done(self) -> bool:
        """Whether the process has sent everything. Raises `MeasurementError` when it failed."""
        if self.process.exitcode:
            raise MeasurementError(
                f"The sender failed after {self.count} of {self.plan.images} images; "
                "its error is above."
            )
        return self.process.exitcode == 0

    def record(self) -> list[Sent]:
        """Reads what was sent."""
        lines = self.plan.record.read_text().splitlines()
        return [Sent(**json.loads(line)) for line in lines]


@contextmanager
def sending(plan: Plan) -> Iterator[Sender]:
    """Starts a sender process, and ends it with the block."""
    context = multiprocessing.get_context("spawn")
    accepted = context.Value("i", 0)
    process = context.Process(target=_send_all, args=(plan, accepted), daemon=True)
    process.start()
    try:
        yield Sender(plan, process, accepted)
    finally:
        process.terminate()
        process.join()


def make_unique(jpeg: bytes, comment: str) -> bytes:
    """Returns the same picture with a comment in its header, and thus with another digest.

    Source: ITU-T T.81, B.2.4.5: a COM segment may stand before the frame; its length counts itself.
    """
    text = comment.encode()
    segment = _COMMENT + (len(text) + 2).to_bytes(2, "big") + text
    return _START_OF_IMAGE + segment + jpeg.removeprefix(_START_OF_IMAGE)


def _send_all(plan: Plan, accepted: Synchronized[int]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches it too; its parent ends it
    lock = threading.Lock()
    with (
        closing(_SourceClients(plan.addresses)) as sources,
        plan.record.open("w", buffering=1) as record,
        ThreadPoolExecutor(_THREADS) as threads,
    ):

        def send(number: int, scheduled: float) -> None:
            sent = _send(sources, plan, number, scheduled)
            with lock:
                record.write(json.dumps(asdict(sent)) + "\n")
                accepted.value += 1

        in_flight = deque[Future[None]]()
        started = time.monotonic()
        for number in range(plan.images):
            scheduled = started + number / plan.rate
            time.sleep(max(0.0, scheduled - time.monotonic()))
            in_flight.append(threads.submit(send, number, scheduled))
            while in_flight and in_flight[0].done():
                in_flight.popleft().result()
        for future in in_flight:
            future.result()


def _send(sources: _SourceClients, plan: Plan, number: int, scheduled: float) -> Sent:
    source, name = plan.through[number % len(plan.through)], f"{plan.name}/{number:06d}.jpg"
    body = make_unique(plan.bodies[number % len(plan.bodies)], name)
    digest = hashlib.sha256(body).hexdigest()
    sent_at, begun = utc_now().timestamp(), time.monotonic()
    sources.send(source, name, body)
    return Sent(source, digest, sent_at, begun - scheduled, time.monotonic() - begun)


class _Own(threading.local):
    def __init__(self) -> None:
        self.session = requests.Session()


class _SourceClients:
    """Clients of the sources, for many threads."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses, self._own = addresses, _Own()
        self._store = ObjectStore(addresses.settings)
        self._producer = KafkaProducer(
            bootstrap_servers=addresses.settings.kafka_bootstrap_servers,
            acks="all",
            max_request_size=_MAX_REQUEST_BYTES,
        )

    def close(self) -> None:
        self._producer.close()

    def send(self, source: str, name: str, body: bytes) -> None:
        """Sends a JPEG through a source, and returns when the source has accepted it."""
        settings = self._addresses.settings
        match source:
            case "upload":
                self._upload(name, body)
            case "kafka":
                key, headers = name.encode(), [("content-type", _CONTENT_TYPE.encode())]
                headers.append(("filename", key))
                sent = self._producer.send(
                    settings.kafka_topic, key=key, value=body, headers=headers
                )
                sent.get(timeout=_TIMEOUT_SECONDS)
            case "bucket":
                self._store.put(settings.raw_bucket, f"drop/{name}", body, _CONTENT_TYPE)
            case _:
                raise ValueError(f"There is no client of the source {source}.")

    def _upload(self, name: str, body: bytes) -> None:
        headers = {
            "Authorization": f"Bearer {self._addresses.api_key}",
            "Content-Type": _CONTENT_TYPE,
            "X-Filename": PurePosixPath(name).name,
        }
        url, session = self._addresses.upload_url, self._own.session
        answer = session.post(url, data=body, headers=headers, timeout=_TIMEOUT_SECONDS)
        answer.raise_for_status()
