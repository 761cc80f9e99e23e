"""Landing: Kafka messages are stored in the raw bucket, then rows and offsets are committed."""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from assets.catalog import ledger
from assets.counts import Counts
from assets.ingestion.kafka import topics
from assets.ingestion.kafka.gaps import count_missing, write_gaps
from assets.ingestion.kafka.message_storer import MessageStorer, StoringBatch, open_message_storer
from assets.ingestion.kafka.topics import OpenedTopic
from assets.platform import Platform
from assets.resources.event_reader import OffsetsGoneError, Reader
from assets.resources.messages import Position, SkippedOffsets
from assets.timing import utc_now

_READ_SECONDS = 1.0
_TOPIC_CHECK_SECONDS = 10.0


@dataclass(frozen=True)
class Landed(Counts):
    """What one run landed: counts only.

    Attributes:
        missing: Messages that were no longer on the brokers.
        unreported: Reports of progress that the consumer group refused.
    """

    messages: int = 0
    new_images: int = 0
    rejected: int = 0
    size_bytes: int = 0
    missing: int = 0
    unreported: int = 0


@dataclass(frozen=True)
class _Read:
    """One read: its messages, which are being stored, and where it ended."""

    batch: StoringBatch
    skipped: Sequence[SkippedOffsets]
    positions: Mapping[int, Position]


@dataclass
class _LandingState:
    """A topic that is being read, the reads being stored, and the positions last committed."""

    opened: OpenedTopic
    reader: Reader
    storer: MessageStorer
    reached: Mapping[int, Position]
    in_flight: deque[_Read] = field(default_factory=deque)

    @property
    def bytes_in_flight(self) -> int:
        """The memory that messages in flight occupy."""
        return sum(read.batch.size_bytes for read in self.in_flight)


@dataclass(frozen=True)
class Landing:
    """Lands the messages of the configured topic."""

    platform: Platform

    def run(self) -> Landed:
        """Lands messages until none has come for a while or the time budget is used up.

        A topic that changes meanwhile, because partitions are added or truncated or it is
        recreated, is opened again.

        Raises `ServerUnavailableError` when a server goes away; what was committed stays, the rest
        is read again by the next run.
        """
        landed = Landed()
        gone: Mapping[int, int | None] | None = {}
        budget_ends = time.monotonic() + self.platform.settings.run_budget_seconds
        with open_message_storer(self.platform) as storer:
            while gone is not None and time.monotonic() < budget_ends:
                state = self.platform.event_log.read_state(self.platform.settings.kafka_topic)
                with self.platform.warehouse.connect() as connection:
                    opened = topics.open_topic(connection, state, gone)
                landed += Landed(missing=count_missing(opened.gaps))
                with self.platform.event_log.reader(opened.state, opened.positions) as reader:
                    source = _LandingState(opened, reader, storer, opened.positions)
                    read, gone = self._read(source, budget_ends)
                landed += read
        return landed

    def _read(
        self, source: _LandingState, budget_ends: float
    ) -> tuple[Landed, Mapping[int, int | None] | None]:
        """Lands what arrives; returns what is gone, by partition, if the topic must be reopened."""
        landed, reader = Landed(), source.reader
        # The largest size in flight before the next read, which adds at most as much.
        max_bytes = self.platform.settings.kafka_chunk_bytes // 2
        idle_since = looked_at = time.monotonic()
        while (now := time.monotonic()) < budget_ends:
            try:
                has_read = self._begin(source)
            except OffsetsGoneError as error:
                return landed + self._land_oldest(source, 0), error.diverges_at
            if has_read or source.in_flight:
                idle_since = now
                landed += self._land_oldest(source, max_bytes if has_read else 0)
            elif self._has_waited(reader, idle_since):
                break
            if not has_read or now - looked_at >= _TOPIC_CHECK_SECONDS:
                looked_at = now
                landed += Landed(unreported=not reader.report(source.reached))
                # A poll does not fail when the brokers are gone; this request does.
                if not reader.is_topic_unchanged():
                    return landed + self._land_oldest(source, 0), {}
        landed += self._land_oldest(source, 0)
        return landed + Landed(unreported=not reader.report(source.reached)), None

    def _has_waited(self, reader: Reader, idle_since: float) -> bool:
        """Returns whether to end the run: sooner if the brokers announce nothing more."""
        linger = self.platform.settings.run_linger_seconds
        patience = linger if reader.is_at_end() else max(linger, reader.delivery_timeout_seconds)
        return time.monotonic() - idle_since >= patience

    def _begin(self, source: _LandingState) -> bool:
        """Reads messages and begins to store them; does not wait while others are in flight."""
        wait = min(_READ_SECONDS, self.platform.settings.run_linger_seconds)
        chunk = source.reader.read(0 if source.in_flight else wait)
        if not chunk.messages and not chunk.skipped:
            return False
        batch = source.storer.begin(chunk.messages, source.opened.lineage, utc_now())
        source.in_flight.append(_Read(batch, chunk.skipped, source.reader.positions()))
        return True

    def _land_oldest(self, source: _LandingState, max_bytes: int) -> Landed:
        """Lands the oldest reads if more than `max_bytes` are in flight, until half of it is left.

        The other half is stored meanwhile; with 0 all reads are landed.
        """
        oldest: list[_Read] = []
        if source.bytes_in_flight > max_bytes:
            while source.in_flight and source.bytes_in_flight > max_bytes // 2:
                oldest.append(source.in_flight.popleft())
        return self._land(source, oldest) if oldest else Landed()

    def _land(self, source: _LandingState, reads: Sequence[_Read]) -> Landed:
        """Waits until reads are stored, then commits rows, gaps and offsets in one transaction."""
        now, opened, positions = utc_now(), source.opened, reads[-1].positions
        arrivals = [one for read in reads for one in source.storer.finish(read.batch, now)]
        gaps = topics.missing_offsets(opened, (one for read in reads for one in read.skipped))
        with self.platform.warehouse.connect() as connection:
            topics.lock_topic(connection, opened)
            key = self.platform.settings.erasure_key
            new_images = ledger.register(connection, arrivals, now, key)
            write_gaps(connection, gaps)
            topics.write_offsets(connection, opened.state.name, positions)
        source.reached = positions
        return Landed(
            messages=sum(read.batch.messages for read in reads),
            new_images=new_images,
            rejected=sum(arrival.reason is not None for arrival in arrivals),
            size_bytes=sum(arrival.size_bytes for arrival in arrivals),
            missing=count_missing(gaps),
        )
