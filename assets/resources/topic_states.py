"""The state of a topic, read with an administrator's client; nothing is changed."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import UnknownTopicOrPartitionError, for_code
from kafka.protocol.consumer import IsolationLevel, OffsetSpec

from assets.errors import DarkroomError
from assets.resources.messages import TopicState, moment

_NO_ID = UUID(int=0)
_POLICY = "cleanup.policy"
_UNTOUCHED_DEFAULT = "index.interval.bytes"


class TopicMissingError(DarkroomError):
    """The topic does not exist on the brokers."""


def read_state(admin: KafkaAdminClient, topic: str) -> TopicState:
    """Returns a topic's identity, its first and last offsets, and how the brokers trim it.

    Raises `TopicMissingError`, or `kafka.errors.KafkaError` when the brokers do not answer.
    """
    topic_id, leaders = read_shape(admin, topic)
    configuration = read_configuration(admin, topic)
    reports_defaults = _UNTOUCHED_DEFAULT in configuration
    # Tansu, which reports none, knows no transactions either.
    level = IsolationLevel.READ_COMMITTED if reports_defaults else IsolationLevel.READ_UNCOMMITTED
    return TopicState(
        name=topic,
        topic_id=topic_id,
        cleanup_policy=configuration.get(_POLICY) if reports_defaults else None,
        brokers=len(set(leaders.values())),
        beginnings=_offsets(admin, topic, leaders, OffsetSpec.EARLIEST, level),
        ends=_offsets(admin, topic, leaders, OffsetSpec.LATEST, level),
    )


def read_shape(admin: KafkaAdminClient, topic: str) -> tuple[UUID | None, dict[int, int]]:
    """Returns a topic's id, if the brokers give one, and its partitions with their leaders.

    Raises `TopicMissingError`, or `kafka.errors.KafkaError` when the brokers do not answer.
    """
    [found] = admin.describe_topics([topic])
    if found["error_code"] == UnknownTopicOrPartitionError.errno:
        raise TopicMissingError(
            f"The topic {topic} does not exist: create it with `darkroom topic apply`, or set "
            "KAFKA_TOPIC to another."
        )
    if found["error_code"]:
        raise for_code(found["error_code"])(topic)
    topic_id = UUID(found["topic_id"] or _NO_ID.hex)
    leaders = {one["partition_index"]: one["leader_id"] for one in found["partitions"]}
    return (None if topic_id == _NO_ID else topic_id), dict(sorted(leaders.items()))


def read_configuration(admin: KafkaAdminClient, topic: str) -> dict[str, str]:
    """Returns a topic's configuration as the brokers report it; most report defaults too."""
    resource = ConfigResource(ConfigResourceType.TOPIC, topic)
    described = admin.describe_configs([resource], config_filter="all")
    return {name: entry["value"] for name, entry in described["topic"][topic].items()}


def read_oldest(admin: KafkaAdminClient, topic: str) -> datetime | None:
    """Returns the time of the oldest message that the brokers still hold; None without any.

    Brokers that look up the first offset since a time return its timestamp too, so no message has
    to be read. Under senders' clocks the first message of a partition need not be the oldest.

    Raises `TopicMissingError`, or `kafka.errors.KafkaError` when the brokers do not answer.
    """
    _, leaders = read_shape(admin, topic)
    since_epoch = {TopicPartition(topic, partition): 0 for partition in leaders}
    found = admin.list_partition_offsets(since_epoch).values()
    return min((moment(one.timestamp) for one in found if one.timestamp >= 0), default=None)


def _offsets(
    admin: KafkaAdminClient,
    topic: str,
    partitions: Mapping[int, int],
    wanted: OffsetSpec,
    level: IsolationLevel,
) -> dict[int, int]:
    asked = {TopicPartition(topic, partition): wanted for partition in partitions}
    found = admin.list_partition_offsets(asked, isolation_level=level)
    return {partition.partition: one.offset for partition, one in sorted(found.items())}
