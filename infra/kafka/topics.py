"""Makes the topics that `topics.yaml` describes and the broker lacks."""

from __future__ import annotations

from pathlib import Path

import yaml
from kafka import KafkaAdminClient
from kafka.admin import NewTopic
from kafka.errors import TopicAlreadyExistsError

_TOPICS = Path(__file__).with_name("topics.yaml")


def provision_topic(bootstrap_servers: str, name: str, described_as: str = "images") -> bool:
    """Makes the topic unless it is there.

    Args:
        bootstrap_servers: Where the brokers are.
        name: The topic's name.
        described_as: The entry of `topics.yaml` that describes it.

    Returns:
        Whether it was made now.
    """
    described = yaml.safe_load(_TOPICS.read_text())[described_as]
    admin = KafkaAdminClient(bootstrap_servers=bootstrap_servers)
    topic = NewTopic(
        name,
        num_partitions=described["partitions"],
        replication_factor=described["replication_factor"],
        topic_configs={key: str(value) for key, value in described["config"].items()},
    )
    try:
        admin.create_topics([topic])
    except TopicAlreadyExistsError:
        return False
    finally:
        admin.close()
    return True
