"""Drift between the topic file and the topic on the brokers, and how it is fixed."""

from collections.abc import Sequence
from dataclasses import dataclass

from kafka import KafkaAdminClient
from kafka.admin import AlterConfigOp, ConfigResource, ConfigResourceType
from kafka.errors import IncompatibleBrokerVersion

from assets.errors import TopicError
from assets.resources.topic_states import TopicMissingError, read_shape
from infra.kafka.topics import TopicDescription, create_topic

PARTITIONS = "partitions"
TOPIC = "topic"

_SET_FOR_TOPIC = "DYNAMIC_TOPIC_CONFIG"


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
    """What was changed, what could not be changed, and what these brokers do not report."""

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
        return [Difference(TOPIC, None, f"{wanted.partitions} {PARTITIONS}")], None
    found = []
    if len(leaders) != wanted.partitions:
        found.append(Difference(PARTITIONS, str(len(leaders)), str(wanted.partitions)))
    resource = ConfigResource(ConfigResourceType.TOPIC, name)
    reported = admin.describe_configs([resource], config_filter="all")["topic"][name]
    if not reported:
        return found, "These brokers report no configuration; only partitions were compared."
    for key in sorted(wanted.config.keys() | reported.keys()):
        now = reported.get(key, {}).get("value")
        is_own = reported.get(key, {}).get("config_source") == _SET_FOR_TOPIC
        if (key in wanted.config and now != wanted.config[key]) or (
            key not in wanted.config and is_own
        ):
            found.append(Difference(key, now, wanted.config.get(key)))
    return found, None


def reconcile(admin: KafkaAdminClient, name: str, wanted: TopicDescription) -> TopicChanges:
    """Creates a missing topic, adds partitions, and sets the configuration as described.

    Partitions are never removed: their messages would be lost. Settings that the file does not
    mention are reset to the brokers' defaults.

    Raises `TopicError` when the brokers refuse a setting.
    """
    found, note = find_differences(admin, name, wanted)
    changed: list[Difference] = []
    settings: list[Difference] = []
    for one in found:
        if one.what == TOPIC:
            create_topic(admin, name, wanted)
            changed.append(one)
        elif one.what != PARTITIONS:
            settings.append(one)
        elif int(one.now or 0) < wanted.partitions and _add_partitions(admin, name, wanted):
            changed.append(one)
    if settings:
        _alter(admin, name, settings)
    changed += settings
    return TopicChanges(changed, [one for one in found if one not in changed], note)


def _add_partitions(admin: KafkaAdminClient, name: str, wanted: TopicDescription) -> bool:
    """Adds the missing partitions; returns False if these brokers cannot."""
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
