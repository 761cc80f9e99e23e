"""Topics as the landing knows them: their incarnations, and the next offset of each partition.

A topic that is deleted and recreated starts at offset 0 again. Its incarnation is incremented then,
so that no image of the new topic is taken for one of the old.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from assets.ingestion.kafka.gaps import Gap, GapReason, write_gaps
from assets.resources.messages import SkippedOffsets, TopicState
from assets.resources.warehouse import Connection, read_rows

_KNOWN = """
    select incarnation, broker_topic_id as topic_id
    from image_catalog.kafka_topic
    where topic = %s
"""


class TopicChangedError(Exception):
    """Another run found that the topic was recreated while this one was reading it."""


@dataclass(frozen=True)
class KnownTopic:
    """A topic as it was last landed; `topic_id` is None if the brokers reported none."""

    incarnation: int
    topic_id: UUID | None


@dataclass(frozen=True)
class OpenedTopic:
    """A topic that is about to be read; `gaps` were found when it was opened."""

    state: TopicState
    incarnation: int
    next_offsets: Mapping[int, int]
    gaps: tuple[Gap, ...]


@dataclass(frozen=True)
class LandedTopic:
    """How far the landing of a topic has come: next offsets by partition."""

    incarnation: int
    next_offsets: Mapping[int, int]


def read_offsets(connection: Connection, topic: str) -> dict[int, tuple[int, int]]:
    """Returns per partition of a topic the next offset to land and the last high watermark seen."""
    query = """
        select partition_no, next_offset, high_watermark
        from image_catalog.kafka_offset
        where topic = %s
    """
    return {one: (offset, mark) for one, offset, mark in connection.execute(query, [topic])}


def write_offsets(
    connection: Connection, topic: str, positions: Mapping[int, tuple[int, int]]
) -> None:
    """Records progress; belongs to the transaction that registers the messages before it."""
    connection.cursor().executemany(
        """
        insert into image_catalog.kafka_offset (topic, partition_no, next_offset, high_watermark)
        values (%s, %s, %s, %s)
        on conflict (topic, partition_no) do update
        set
            next_offset = excluded.next_offset,
            high_watermark = excluded.high_watermark,
            updated_at = clock_timestamp()
        """,
        [(topic, partition, *position) for partition, position in sorted(positions.items())],
    )


def read_landed(
    connection: Connection, names: Collection[str], landed_topic: str
) -> dict[str, LandedTopic]:
    """Returns how far some topics have been landed; those that nobody lands are left out.

    `landed_topic` is landed even if no message of it has been yet.
    """
    query = """
        select topic, coalesce(incarnation, 0), partition_no, next_offset
        from image_catalog.kafka_topic
        full join image_catalog.kafka_offset using (topic)
        where topic = any(%s)
    """
    landed = {landed_topic: LandedTopic(0, {})} if landed_topic in names else {}
    for topic, incarnation, partition, offset in connection.execute(query, [list(names)]):
        before = landed[topic].next_offsets if topic in landed else {}
        reached = {} if partition is None else {partition: offset}
        landed[topic] = LandedTopic(incarnation, {**before, **reached})
    return landed


def read_topic(connection: Connection, topic: str) -> KnownTopic | None:
    """Returns a topic as it was last landed; None before its first landing."""
    return next(iter(read_rows(connection, KnownTopic, _KNOWN, [topic])), None)


def lag(ends: Mapping[int, int], stored: Mapping[int, tuple[int, int]]) -> int:
    """Returns how many messages of a topic are known not to have landed.

    `ends` are end offsets as listed now, which may be too low; stored are the next offsets to land
    and the high watermarks that fetches reported.
    """
    positions = ((end, *stored.get(partition, (0, 0))) for partition, end in ends.items())
    return sum(max(0, max(end, watermark) - offset) for end, offset, watermark in positions)


def is_recreated(known: KnownTopic | None, state: TopicState) -> bool:
    """Returns whether the brokers' id of a topic differs from the stored one."""
    ids = {known.topic_id, state.topic_id} if known else set()
    return len(ids) == 2 and None not in ids


def may_be_recreated(state: TopicState, stored: Mapping[int, tuple[int, int]]) -> bool:
    """Returns whether a topic without an id ends before an offset that was landed.

    Only a suspicion: reading from there shows whether the log really is shorter.
    """
    return state.topic_id is None and any(
        state.ends.get(partition, 0) < offset for partition, (offset, _) in stored.items()
    )


def open_topic(connection: Connection, state: TopicState, gone: Mapping[int, int]) -> OpenedTopic:
    """Finds the next offsets of a topic, and records what is missing; belongs to one transaction.

    New partitions are read from their beginning. So is a topic that was recreated or whose log was
    truncated before what has been landed; it gets another incarnation. Where offsets are not exact,
    a listed beginning proves nothing; the reader finds out what is missing there.
    The brokers did not have the offsets `gone` when they were requested.
    """
    known = _lock_or_create(connection, state)
    incarnation = known.incarnation if known else 0
    stored = read_offsets(connection, state.name)
    gaps: list[Gap] = []
    if is_recreated(known, state) or _is_truncated(state, stored, gone):
        gaps += _gaps_of_deleted_topic(state.name, incarnation, stored)
        incarnation, stored = incarnation + 1, {}
        _start_incarnation(connection, state, incarnation)
    begins = {
        one: offset if state.is_exact or one in gone else 0
        for one, offset in state.beginnings.items()
    }
    # Messages that were gone before the first landing of the topic are no gap.
    first = dict.fromkeys(begins, 0) if known else begins
    reached = {one: stored.get(one, (first[one], first[one])) for one in begins}
    gaps += [
        Gap(state.name, incarnation, one, offset, begins[one], GapReason.EXPIRED)
        for one, (offset, _) in sorted(reached.items())
        if begins[one] > offset
    ]
    next_offsets = {one: max(offset, begins[one]) for one, (offset, _) in reached.items()}
    positions = {
        one: (offset, max(offset, reached[one][1])) for one, offset in next_offsets.items()
    }
    write_gaps(connection, gaps)
    write_offsets(connection, state.name, positions)
    return OpenedTopic(state, incarnation, next_offsets, tuple(gaps))


def lock_topic(connection: Connection, opened: OpenedTopic) -> None:
    """Locks a topic for the rest of the transaction.

    Raises `TopicChangedError` when it is no longer the incarnation that was opened.
    """
    found = read_rows(connection, KnownTopic, f"{_KNOWN} for update", [opened.state.name])
    if [one.incarnation for one in found] != [opened.incarnation]:
        raise TopicChangedError(
            f"Another run found that the topic {opened.state.name} was recreated; "
            "this run gives way, and the next continues."
        )


def missing_offsets(opened: OpenedTopic, skipped: Iterable[SkippedOffsets]) -> list[Gap]:
    """Returns the skipped offsets at which messages may be missing, as gaps.

    In a topic without compaction none are: there, offsets are skipped by transaction markers and
    aborted transactions only.
    """
    if opened.state.cleanup_policy == "delete":
        return []
    topic = (opened.state.name, opened.incarnation)
    return [
        Gap(*topic, one.partition, one.first_offset, one.next_offset, GapReason.MISSING)
        for one in skipped
    ]


def _lock_or_create(connection: Connection, state: TopicState) -> KnownTopic | None:
    """Locks a topic and returns how it was last landed; stores it and returns None if it is new."""
    created = connection.execute(
        "insert into image_catalog.kafka_topic (topic, broker_topic_id) values (%s, %s)"
        " on conflict (topic) do nothing",
        [state.name, state.topic_id],
    )
    [known] = read_rows(connection, KnownTopic, f"{_KNOWN} for update", [state.name])
    if created.rowcount:
        return None
    if known.topic_id is None and state.topic_id is not None:
        connection.execute(
            "update image_catalog.kafka_topic set broker_topic_id = %s where topic = %s",
            [state.topic_id, state.name],
        )
    return known


def _start_incarnation(connection: Connection, state: TopicState, incarnation: int) -> None:
    connection.execute(
        """
        update image_catalog.kafka_topic
        set incarnation = %s, broker_topic_id = %s, began_at = clock_timestamp()
        where topic = %s
        """,
        [incarnation, state.topic_id, state.name],
    )
    connection.execute("delete from image_catalog.kafka_offset where topic = %s", [state.name])


def _is_truncated(state: TopicState, stored: Iterable[int], gone: Mapping[int, int]) -> bool:
    """Returns whether a log ends before an offset that was landed, or a partition is gone."""
    return not state.beginnings.keys() >= set(stored) or any(
        offset >= state.beginnings[partition] for partition, offset in gone.items()
    )


def _gaps_of_deleted_topic(
    topic: str, incarnation: int, stored: Mapping[int, tuple[int, int]]
) -> Iterable[Gap]:
    """Returns the messages that were known to exist and were deleted with the old topic."""
    for partition, (offset, watermark) in sorted(stored.items()):
        if watermark > offset:
            yield Gap(topic, incarnation, partition, offset, watermark, GapReason.TOPIC_RECREATED)
