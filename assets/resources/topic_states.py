"""What the brokers tell of a topic, asked as an administrator would, and changing nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import UnknownTopicOrPartitionError, for_code
from kafka.protocol.consumer import OffsetSpec

from assets.errors import DarkroomError
from assets.resources.messages import TopicState, moment

_NO_ID = UUID(int=0)
_POLICY = "cleanup.policy"
_DEFAULT_THAT_NOBODY_SETS = "index.interval.bytes"


class TopicMissingError(DarkroomError):
    """The topic does not exist on the brokers."""


def read_state(admin: KafkaAdminClient, topic: str) -> TopicState:
    """Returns a topic's identity, its first and last offsets, and how the brokers trim it.

    Raises `TopicMissingError`, or `kafka.errors.KafkaError` when the brokers do not answer.
    """
    topic_id, leaders = read_shape(admin, topic)
    configuration = read_configuration(admin, topic)
    tells_defaults = _DEFAULT_THAT_NOBODY_SETS in configuration
    return TopicState(
        name=topic,
        topic_id=topic_id,
        cleanup_policy=configuration.get(_POLICY) if tells_defaults else None,
        brokers=len(set(leaders.values())),
        beginnings=_offsets(admin, topic, leaders, OffsetSpec.EARLIEST),
        ends=_offsets(admin, topic, leaders, OffsetSpec.LATEST),
    )


def read_shape(admin: KafkaAdminClient, topic: str) -> tuple[UUID | None, dict[int, int]]:
    """Returns a topic's id, if the brokers tell one, and its partitions with their leaders.

    Raises `TopicMissingError`, or `kafka.errors.KafkaError` when the brokers do not answer.
    """
    [found] = admin.describe_topics([topic])
    if found["error_code"] == UnknownTopicOrPartitionError.errno:
        raise TopicMissingError(f"The topic {topic} does not exist; make it, or set KAFKA_TOPIC.")
    if found["error_code"]:
        raise for_code(found["error_code"])
    topic_id = UUID(found["topic_id"] or _NO_ID.hex)
    leaders = {one["partition_index"]: one["leader_id"] for one in found["partitions"]}
    return (None if topic_id == _NO_ID else topic_id), dict(sorted(leaders.items()))


def read_configuration(admin: KafkaAdminClient, topic: str) -> dict[str, str]:
    """Returns a topic's configuration, as far as the brokers tell it; most tell defaults too."""
    resource = ConfigResource(ConfigResourceType.TOPIC, topic)
    told = admin.describe_configs([resource], config_filter="all")
    return {name: entry["value"] for name, entry in told["topic"][topic].items()}


def read_oldest(admin: KafkaAdminClient, topic: str) -> datetime | None:
    """Returns when the oldest message came that the brokers still hold; None when there is none.

    Brokers that are asked for the first offset since a moment tell its timestamp too, so that no
    message need be read. Under a sender's clock, the first of a partition need not be the oldest.

    Raises `TopicMissingError`, or `kafka.errors.KafkaError` when the brokers do not answer.
    """
    _, leaders = read_shape(admin, topic)
    since_ever = {TopicPartition(topic, partition): 0 for partition in leaders}
    found = admin.list_partition_offsets(since_ever).values()
    return min((moment(told.timestamp) for told in found if told.timestamp >= 0), default=None)


def _offsets(
    admin: KafkaAdminClient, topic: str, partitions: Mapping[int, int], wanted: OffsetSpec
) -> dict[int, int]:
    asked = {TopicPartition(topic, partition): wanted for partition in partitions}
    found = admin.list_partition_offsets(asked)
    return {partition.partition: told.offset for partition, told in sorted(found.items())}
