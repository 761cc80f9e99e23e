"""Topics as `topics.yaml` describes them: reads the file and creates missing topics."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from kafka import KafkaAdminClient
from kafka.errors import TopicAlreadyExistsError

from assets.errors import TopicError
from assets.resources.event_log import administrator
from assets.yaml_files import read_yaml

TOPICS = Path(__file__).with_name("topics.yaml")


@dataclass(frozen=True)
class TopicDescription:
    """The wanted number of partitions and own settings of a topic."""

    partitions: int
    config: Mapping[str, str]


def load_description(described_as: str = "images", path: Path = TOPICS) -> TopicDescription:
    """Reads one entry of the topic file. Raises `TopicError` when the file does not describe it."""
    try:
        entry = cast(Any, read_yaml(path))[described_as]
        config = {
            str(key): str(value).lower() if isinstance(value, bool) else str(value)
            for key, value in entry["config"].items()
        }
        return TopicDescription(int(entry["partitions"]), config)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TopicError(
            f"{path} does not describe {described_as}: it needs a number of partitions and a "
            f"config ({type(error).__name__})."
        ) from error


def create_topic(admin: KafkaAdminClient, name: str, wanted: TopicDescription) -> bool:
    """Creates a topic unless it exists; returns whether it was created."""
    described = {
        "num_partitions": wanted.partitions,
        "replication_factor": -1,  # the brokers' default
        "configs": dict(wanted.config),
    }
    try:
        admin.create_topics({name: described}, wait_for_metadata=True)
    except TopicAlreadyExistsError:
        return False
    return True


def provision_topic(bootstrap_servers: str, name: str, described_as: str = "images") -> bool:
    """Creates the topic of an entry of `topics.yaml` unless it exists; returns whether it did."""
    with administrator(bootstrap_servers) as admin:
        return create_topic(admin, name, load_description(described_as))
