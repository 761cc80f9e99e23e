"""Messages of a Kafka topic, read by offsets that the caller keeps."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition

from assets.resources.brokers import connection
from assets.resources.event_reader import Reader
from assets.resources.kafka_errors import translated
from assets.resources.messages import Position, TopicState
from assets.resources.record_batches import install
from assets.resources.topic_states import read_state
from assets.settings import Settings

_TIMEOUT_MS = 10_000
_MAX_MESSAGE_BYTES = 12 * 1024 * 1024
_MAX_POLL_RECORDS = 1000


@dataclass(frozen=True)
class EventLog:
    """The brokers, as one consumer group that only reports its progress there."""

    settings: Settings

    def read_state(self, topic: str) -> TopicState:
        """Returns the current state of a topic. Raises `TopicMissingError`."""
        with administrator(self.settings) as admin:
            return read_state(admin, topic)

    @contextmanager
    def reader(self, topic: TopicState, positions: Mapping[int, Position]) -> Iterator[Reader]:
        """Opens a reader of these partitions at these positions."""
        with administrator(self.settings) as admin, self._consumer(topic) as consumer:
            consumer.assign([TopicPartition(topic.name, number) for number in positions])
            skip_confirmation_seconds = self.settings.kafka_hole_seconds
            yield Reader(consumer, admin, topic, positions, skip_confirmation_seconds)

    def offsets_at(
        self, topic: TopicState, partitions: Iterable[int], moment: datetime
    ) -> dict[int, int | None]:
        """Returns per partition the first offset with a timestamp not before the moment, if any."""
        milliseconds = int(moment.timestamp() * 1000)
        asked = {TopicPartition(topic.name, number): milliseconds for number in partitions}
        with self._consumer(topic) as consumer:
            found = consumer.offsets_for_times(asked)
        return {
            # Tansu answers offset 0 without a timestamp where Apache Kafka answers nothing.
            named.partition: first.offset if first is not None and first.timestamp >= 0 else None
            for named, first in found.items()
        }

    @contextmanager
    def _consumer(self, topic: TopicState) -> Iterator[KafkaConsumer]:
        """Opens a consumer that returns half a chunk of messages at once, and fetches as much."""
        max_bytes = self.settings.kafka_chunk_bytes // 2 // max(1, topic.brokers)
        with translated(self.settings.kafka_bootstrap_servers), ExitStack() as on_exit:
            install()
            consumer = KafkaConsumer(
                **connection(self.settings),
                group_id=self.settings.kafka_group,
                enable_auto_commit=False,
                auto_offset_reset="none",
                allow_auto_create_topics=False,
                isolation_level="read_committed",
                bootstrap_timeout_ms=_TIMEOUT_MS,
                request_timeout_ms=_TIMEOUT_MS,
                fetch_max_bytes=max(_MAX_MESSAGE_BYTES, max_bytes),
                max_partition_fetch_bytes=_MAX_MESSAGE_BYTES,
                max_poll_records=_MAX_POLL_RECORDS,
            )
            on_exit.callback(consumer.close, autocommit=False, timeout_ms=_TIMEOUT_MS)
            yield consumer


@contextmanager
def administrator(settings: Settings) -> Iterator[KafkaAdminClient]:
    """Opens a client that reads and changes topics; its errors are raised as what they mean."""
    with translated(settings.kafka_bootstrap_servers):
        admin = KafkaAdminClient(
            **connection(settings),
            bootstrap_timeout_ms=_TIMEOUT_MS,
            request_timeout_ms=_TIMEOUT_MS,
        )
        with closing(admin):
            yield admin
