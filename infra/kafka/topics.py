"""Topics as `topics.yaml` describes them: creation, drift, and its reconciliation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from kafka import KafkaAdminClient
from kafka.admin import AlterConfigOp, ConfigResource, ConfigResourceType
from kafka.errors import IncompatibleBrokerVersion, TopicAlreadyExistsError

from assets.errors import TopicError
from assets.resources.event_log import administrator
from assets.resources.topic_states import TopicMissingError, read_shape
from assets.settings import Settings
from assets.yaml_files import read_yaml

TOPICS = Path(__file__).with_name("topics.yaml")


@dataclass(frozen=True)
class TopicDescription:
    """The wanted number of partitions and own settings of a topic."""

    partitions: int
    config: Mapping[str, str]


def load_description(path: Path = TOPICS) -> TopicDescription:
    """Reads the topic file. Raises `TopicError` when it does not describe the topic."""
    try:
        entry = cast(Any, read_yaml(path))["images"]
        config = {
            str(key): str(value).lower() if isinstance(value, bool) else str(value)
            for key, value in entry["config"].items()
        }
        return TopicDescription(int(entry["partitions"]), config)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TopicError(
            f"{path} does not describe images: it needs a number of partitions and a "
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


def provision_topic(settings: Settings) -> bool:
    """Creates the topic as `topics.yaml` says unless it exists; returns whether it did."""
    with administrator(settings) as admin:
        return create_topic(admin, settings.kafka_topic, load_description())


_PARTITIONS = "partitions"
_TOPIC = "topic"


@dataclass(frozen=True)
class Difference:
    """One difference; None stands for what does not exist or is not set."""

    what: str
    now: str | None
    wanted: str | None

    def __str__(self) -> str:
        now = "is missing" if self.now is None else f"is {self.now}"
        wanted = "does not mention it" if self.wanted is None else f"says {self.wanted}"
        return f"{self.what} {now}; the file {wanted}"


@dataclass(frozen=True)
class TopicChanges:
    """Which differences were removed, which are left, and what these brokers do not report."""

    changed: Sequence[Difference]
    left: Sequence[Difference]
    note: str | None


def find_differences(
    admin: KafkaAdminClient, name: str, wanted: TopicDescription
) -> tuple[list[Difference], str | None]:
    """Compares a topic with its description.

    Returns:
        The differences, and a sentence that says what these brokers do not report.
    """
    try:
        _, leaders = read_shape(admin, name)
    except TopicMissingError:
        return [Difference(_TOPIC, None, f"{wanted.partitions} {_PARTITIONS}")], None
    found = []
    if len(leaders) != wanted.partitions:
        found.append(Difference(_PARTITIONS, str(len(leaders)), str(wanted.partitions)))
    resource = ConfigResource(ConfigResourceType.TOPIC, name)
    reported = admin.describe_configs([resource], config_filter="all")["topic"][name]
    if not reported:
        return found, "These brokers report no configuration; only partitions were compared."
    for key in sorted(wanted.config.keys() | reported.keys()):
        entry = reported.get(key, {})
        now, should_be = entry.get("value"), wanted.config.get(key)
        is_set_here = entry.get("config_source") == "DYNAMIC_TOPIC_CONFIG"
        if now != should_be if key in wanted.config else is_set_here:
            found.append(Difference(key, now, should_be))
    return found, None


def reconcile(admin: KafkaAdminClient, name: str, wanted: TopicDescription) -> TopicChanges:
    """Creates a missing topic, adds partitions, and sets the configuration as described.

    Partitions are never removed: their messages would be lost. Settings that the file does not
    mention are reset to the brokers' defaults.

    Raises `TopicError` when the brokers refuse a setting.
    """
    found, note = find_differences(admin, name, wanted)
    changed: list[Difference] = []
    for one in found:
        if one.what == _TOPIC:
            create_topic(admin, name, wanted)
        elif one.what == _PARTITIONS and not _add_partitions(
            admin, name, int(one.now or 0), wanted
        ):
            continue
        changed.append(one)
    if settings := [one for one in changed if one.what not in {_TOPIC, _PARTITIONS}]:
        _alter(admin, name, settings)
    return TopicChanges(changed, [one for one in found if one not in changed], note)


def _add_partitions(admin: KafkaAdminClient, name: str, now: int, wanted: TopicDescription) -> bool:
    """Adds missing partitions; returns False if there are too many, or these brokers cannot."""
    if now > wanted.partitions:
        return False
    try:
        admin.create_partitions({name: wanted.partitions})
    except IncompatibleBrokerVersion:
        return False
    return True


def _alter(admin: KafkaAdminClient, name: str, settings: Sequence[Difference]) -> None:
    operations = {
        one.what: (AlterConfigOp.DELETE, None)
        if one.wanted is None
        else (AlterConfigOp.SET, one.wanted)
        for one in settings
    }
    resource = ConfigResource(ConfigResourceType.TOPIC, name, operations)
    answer = admin.alter_configs([resource], raise_on_unknown=False, incremental=True)
    if (said := answer["topic"][name]) != "OK":
        raise TopicError(
            f"The brokers refuse the configuration of {name}: {said}; fix infra/kafka/topics.yaml."
        )
