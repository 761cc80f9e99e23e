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
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from multiprocessing.context import SpawnProcess
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

from assets.timing import utc_now
from infra.report import MeasurementError
from infra.source_clients import SOURCE_CLIENTS, Addresses, SourceClient, make_unique

_THREADS = 24


@dataclass(frozen=True)
class Plan:
    """What one sender process does.

    Attributes:
        bodies: JPEG files, sent in turn, each time made unique.
        rate: Images per second, through all sources together.
    """

    name: str
    addresses: Addresses
    bodies: Sequence[bytes] = field(repr=False)
    rate: float
    images: int
    record: Path
    through: Sequence[str] = tuple(SOURCE_CLIENTS)


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


def _send_all(plan: Plan, accepted: Synchronized[int]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches it too; its parent ends it
    lock = threading.Lock()
    with (
        ExitStack() as opened,
        plan.record.open("w", buffering=1) as record,
        ThreadPoolExecutor(_THREADS) as threads,
    ):
        clients = {name: SOURCE_CLIENTS[name](plan.addresses) for name in plan.through}
        for client in clients.values():
            opened.callback(client.close)

        def send(number: int, scheduled: float) -> None:
            sent = _send(clients, plan, number, scheduled)
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


def _send(clients: Mapping[str, SourceClient], plan: Plan, number: int, scheduled: float) -> Sent:
    source, name = plan.through[number % len(plan.through)], f"{plan.name}/{number:06d}.jpg"
    body = make_unique(plan.bodies[number % len(plan.bodies)], name.encode())
    digest = hashlib.sha256(body).hexdigest()
    sent_at, begun = utc_now().timestamp(), time.monotonic()
    clients[source].send(name, body, "image/jpeg")
    return Sent(source, digest, sent_at, begun - scheduled, time.monotonic() - begun)
