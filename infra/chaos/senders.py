"""Sender processes, one per door: a steady stream, each image sent until the door has it."""

from __future__ import annotations

import signal
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import local

from assets.timing import utc_now
from infra.chaos.doors import DOORS, Addresses, Door, NoAnswerError
from infra.chaos.pictures import Originals, Parcel
from infra.chaos.record import Event, Record

_THREADS = 4
_MOST_UNDER_WAY = 16
_PAUSE_SECONDS = 0.5


@dataclass(frozen=True)
class Order:
    """What one sender process does.

    Attributes:
        door: The door's name.
        count: How many images it sends.
        seconds: Over how long they are spread; an outage makes them later, not fewer.
        give_up_seconds: After how long it sends nothing any more.
        seed: Same seed, same images.
        record: The file of its record.
    """

    door: str
    addresses: Addresses
    count: int
    seconds: float
    give_up_seconds: float
    seed: int
    record: Path


def send_all(order: Order) -> None:
    """Sends every image of an order; runs in a process of its own.

    Raises `RefusedError` when the door refuses an image for good.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches it too; the campaign ends it
    originals, record = Originals.of(order.seed), Record(order.record)
    started = time.monotonic()
    sender = _Sender(order, record, started + order.give_up_seconds)
    under_way: deque[Future[None]] = deque()
    with ThreadPoolExecutor(_THREADS) as threads:
        for number, parcel in enumerate(originals.parcels(order.door, order.count, order.seed)):
            moment = started + number * order.seconds / order.count
            time.sleep(max(0.0, moment - time.monotonic()))
            under_way.append(threads.submit(sender.deliver, parcel))
            while under_way and (len(under_way) > _MOST_UNDER_WAY or under_way[0].done()):
                under_way.popleft().result()
        for future in under_way:
            future.result()
    record.close()


class _Sender:
    """Delivers parcels from several threads, each with a door of its own."""

    def __init__(self, order: Order, record: Record, ends: float) -> None:
        self._open = DOORS[order.door]
        self._addresses, self._record, self._ends = order.addresses, record, ends
        self._own = local()

    def deliver(self, parcel: Parcel) -> None:
        """Tries until the door has the parcel, or the time is up."""
        self._record.write(parcel.image, Event.BEGUN, utc_now())
        while time.monotonic() < self._ends:
            try:
                self._door().give(parcel)
            except NoAnswerError:
                self._record.write(parcel.image, Event.UNKNOWN, utc_now())
                self._let_door_go()
                time.sleep(_PAUSE_SECONDS)
            else:
                self._record.write(parcel.image, Event.ACKNOWLEDGED, utc_now())
                return

    def _door(self) -> Door:
        if getattr(self._own, "door", None) is None:
            self._own.door = self._open(self._addresses)
        door: Door = self._own.door
        return door

    def _let_door_go(self) -> None:
        """A client whose last attempt went wrong is replaced by a new one."""
        door: Door | None = getattr(self._own, "door", None)
        self._own.door = None
        if door is not None:
            door.close()
