"""The Kafka source: one image per message of a topic.

Its landing stores the bytes of a message and registers the image itself, so objects under its keys
are left to it until it is past their offsets.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from assets.catalog.identity import image_id
from assets.ingestion.kafka import topics
from assets.ingestion.kafka.lineage import Lineage
from assets.ingestion.kafka.topics import LandedTopic
from assets.ingestion.source import (
    DAY,
    IngestionJob,
    IngestionSource,
    ParsedKey,
    SelfRegistration,
    start_of,
)
from assets.platform import Platform
from assets.resources.messages import Message
from assets.resources.warehouse import Connection
from assets.settings import Settings

IMAGE_MESSAGES = ("kafka", "image_messages")
LANDED_IMAGES = ("raw_bucket", "landed_images")
"""Keys of the source's assets."""

LANDING_GRACE = timedelta(minutes=15)
"""Longer than any run: an object that a run has not registered by then, it never will."""

_KEY = re.compile(
    r"kafka/(?P<topic>[a-zA-Z0-9._-]+)(~(?P<incarnation>[1-9][0-9]*))?"
    r"/[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"/(?P<partition>[0-9]+)(~(?P<truncation>[1-9][0-9]*))?-(?P<offset>[0-9]+)"
)


@dataclass(frozen=True)
class LandedKey:
    """The message that the key of a landed object names."""

    topic: str
    incarnation: int
    partition: int
    truncation: int
    offset: int

    @property
    def origin(self) -> str:
        """The message's origin, as `message_origin` returns it."""
        topic = _numbered(self.topic, self.incarnation)
        return f"{topic}/{_numbered(self.partition, self.truncation)}/{self.offset}"

    def on(self, day: date) -> str:
        """Returns the key for a message that was sent on this UTC day."""
        topic = _numbered(self.topic, self.incarnation)
        return f"kafka/{topic}/{day}/{_numbered(self.partition, self.truncation)}-{self.offset}"


def message_origin(message: Message, lineage: Lineage) -> str:
    """Returns topic/partition/offset.

    The name of a recreated topic is followed by its incarnation, a partition that was truncated
    before the offset by the truncation.
    """
    return _name(message, lineage).origin


def landed_key(message: Message, lineage: Lineage) -> str:
    """Returns the raw bucket's key of a message's bytes: the same for every repetition."""
    return _name(message, lineage).on(message.sent_at.date())


def read_landed_key(key: str) -> LandedKey | None:
    """Returns the message that a key names; None for keys that the landing does not make."""
    if (found := _KEY.fullmatch(key)) is None:
        return None
    names = ("incarnation", "partition", "truncation", "offset")
    return LandedKey(found["topic"], *(int(found[name] or 0) for name in names))


def read_key(key: str) -> ParsedKey | None:
    """Parses a key such as `kafka/images/2024-05-17/1-42`; the day is the message's."""
    if (landed := read_landed_key(key)) is None:
        return None
    image = image_id(SOURCE.name, landed.origin)
    return ParsedKey(image, landed.origin, start_of(key.split("/")[2]), DAY)


def message_arrival(message: Message, now: datetime, retention: timedelta) -> datetime:
    """Returns when a message's image arrived: retention counts from here.

    The broker's clock is believed. A sender's clock is believed while it shows a time within the
    retention; otherwise the image arrived now.
    """
    if message.is_broker_time or now - retention <= message.sent_at <= now:
        return message.sent_at
    return now


def is_awaited(key: LandedKey, landed: Mapping[str, LandedTopic]) -> bool:
    """Returns whether the landing has yet to reach the message that a key names."""
    topic = landed.get(key.topic)
    if topic is None or topic.lineage.incarnation != key.incarnation:
        return False
    if topic.lineage.truncation(key.partition, key.offset) != key.truncation:
        return False
    return topic.next_offsets.get(key.partition, 0) <= key.offset


def find_awaited(
    connection: Connection, settings: Settings, keys: Collection[str]
) -> frozenset[str]:
    """Returns those of some keys that name messages which the landing has yet to reach."""
    parsed = {key: landed for key in keys if (landed := read_landed_key(key)) is not None}
    names = {landed.topic for landed in parsed.values()}
    if not names:
        return frozenset()
    landed_topics = topics.read_landed(connection, names, settings.kafka_topic)
    return frozenset(key for key, one in parsed.items() if is_awaited(one, landed_topics))


def find_work(platform: Platform) -> tuple[bool, str]:
    """Returns whether messages wait or the topic may have been recreated, and a reason.

    Offsets say nothing about a recreated topic, however few messages it has, nor about a log that
    lost its end.
    """
    state = platform.event_log.read_state(platform.settings.kafka_topic)
    with platform.warehouse.connect() as connection:
        known = topics.read_topic(connection, state.name)
        stored = topics.read_offsets(connection, state.name)
    if topics.is_recreated(known, state) or topics.may_be_shorter(state, stored):
        return True, "The topic may have been recreated or truncated; a landing run finds out."
    if waiting := topics.lag(state, stored):
        return True, f"At least {waiting} messages wait in the topic."
    return False, f"No message waits in the {len(state.ends)} partitions of the topic."


def _name(message: Message, lineage: Lineage) -> LandedKey:
    truncation = lineage.truncation(message.partition, message.offset)
    return LandedKey(
        message.topic, lineage.incarnation, message.partition, truncation, message.offset
    )


def _numbered(name: str | int, number: int) -> str:
    return f"{name}~{number}" if number else str(name)


SOURCE = IngestionSource(
    name="kafka",
    reserved_folder="kafka",
    read_key=read_key,
    self_registration=SelfRegistration(LANDING_GRACE, find_awaited),
    ledger_input=LANDED_IMAGES,
    job=IngestionJob(
        name="land_messages",
        asset=LANDED_IMAGES,
        description="Land the Kafka topic's messages in the raw bucket and the ledger.",
        sensor="kafka_images",
        sensor_description="Requests a landing run when messages wait in the topic.",
        find_work=find_work,
    ),
)
