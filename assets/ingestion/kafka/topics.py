"""Topics as the landing knows them: their lineage, and how far each partition has been landed.

A topic that is deleted and recreated starts at offset 0 again, and a log that lost its end starts
again from there. Incarnation and truncation are incremented then, so that no new image is taken for
an old one.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import astuple, dataclass
from uuid import UUID

from assets.ingestion.kafka.gaps import Gap, GapReason, write_gaps
from assets.ingestion.kafka.lineage import Lineage
from assets.resources.messages import Position, SkippedOffsets, TopicState
from assets.resources.warehouse import Connection, read_rows

_KNOWN = """
    select incarnation, broker_topic_id as topic_id
    from image_catalog.kafka_topic
    where topic = %s
"""
_BEGINNING = Position(0, 0)


class TopicChangedError(Exception):
    """Another run found that the topic was recreated or truncated while this one was reading it."""


@dataclass(frozen=True)
class KnownTopic:
    """A topic as it was last landed; `topic_id` is None if the brokers reported none."""

    incarnation: int
    topic_id: UUID | None


@dataclass(frozen=True)
class OpenedTopic:
    """A topic that is about to be read; `gaps` were found when it was opened."""

    state: TopicState
    lineage: Lineage
    positions: Mapping[int, Position]
    gaps: tuple[Gap, ...]


@dataclass(frozen=True)
class LandedTopic:
    """How far the landing of a topic has come: next offsets by partition."""

    lineage: Lineage
    next_offsets: Mapping[int, int]


def read_offsets(connection: Connection, topic: str) -> dict[int, Position]:
    """Returns how far the partitions of a topic have been landed."""
    query = """
        select partition_no, next_offset, high_watermark, leader_epoch
        from image_catalog.kafka_offset
        where topic = %s
    """
    return {one: Position(*position) for one, *position in connection.execute(query, [topic])}


def write_offsets(connection: Connection, topic: str, positions: Mapping[int, Position]) -> None:
    """Records progress; belongs to the transaction that registers the messages before it."""
    connection.cursor().executemany(
        """
        insert into image_catalog.kafka_offset (
            topic, partition_no, next_offset, high_watermark, leader_epoch
        )
        values (%s, %s, %s, %s, %s)
        on conflict (topic, partition_no) do update
        set
            next_offset = excluded.next_offset,
            high_watermark = excluded.high_watermark,
            leader_epoch = excluded.leader_epoch,
            updated_at = clock_timestamp()
        """,
        [(topic, partition, *astuple(one)) for partition, one in sorted(positions.items())],
    )


def read_lineage(connection: Connection, topic: str, incarnation: int) -> Lineage:
    """Returns an incarnation of a topic with the truncations of its partitions."""
    query = """
        select partition_no, array_agg(first_offset order by truncations_count)
        from image_catalog.kafka_gap
        where topic = %s and incarnation = %s and reason_code = %s
        group by partition_no
    """
    found = connection.execute(query, [topic, incarnation, GapReason.TRUNCATED])
    return Lineage(incarnation, {partition: tuple(firsts) for partition, firsts in found})


def read_landed(
    connection: Connection, names: Collection[str], landed_topic: str
) -> dict[str, LandedTopic]:
    """Returns how far some topics have been landed; those that nobody lands are left out.

    `landed_topic` is landed even if no message of it has been yet.
    """
    query = """
        select
            topic, coalesce(incarnation, 0),
            coalesce(
                jsonb_object_agg(partition_no, next_offset) filter (where partition_no is not null),
                '{}'
            )
        from image_catalog.kafka_topic
        full join image_catalog.kafka_offset using (topic)
        where topic = any(%s)
        group by topic, incarnation
    """
    landed = {landed_topic: LandedTopic(Lineage(), {})} if landed_topic in names else {}
    for topic, incarnation, offsets in connection.execute(query, [list(names)]).fetchall():
        lineage = read_lineage(connection, topic, incarnation)
        landed[topic] = LandedTopic(lineage, {int(one): offsets[one] for one in offsets})
    return landed


def read_topic(connection: Connection, topic: str) -> KnownTopic | None:
    """Returns a topic as it was last landed; None before its first landing."""
    return next(iter(read_rows(connection, KnownTopic, _KNOWN, [topic])), None)


def lag(state: TopicState, stored: Mapping[int, Position]) -> int:
    """Returns how many messages of a topic can be landed, as far as that is known.

    A listed end that may be too low is made good by the high watermark of the last fetch. Elsewhere
    the watermark does not count: messages of open transactions are before it.
    """
    waiting = 0
    for partition, end in state.ends.items():
        position = stored.get(partition, _BEGINNING)
        known_end = end if state.is_exact else max(end, position.high_watermark)
        waiting += max(0, known_end - position.next_offset)
    return waiting


def is_recreated(known: KnownTopic | None, state: TopicState) -> bool:
    """Returns whether the brokers' id of a topic differs from the stored one."""
    ids = {known.topic_id, state.topic_id} if known else set()
    return len(ids) == 2 and None not in ids


def may_be_shorter(state: TopicState, stored: Mapping[int, Position]) -> bool:
    """Returns whether a log ends before an offset that was landed, as far as ends are listed.

    Only a suspicion: reading from there shows whether the log really is shorter.
    """
    is_told = state.topic_id is not None
    return (state.is_exact or not is_told) and any(
        state.ends.get(partition, one.next_offset if is_told else 0) < one.next_offset
        for partition, one in stored.items()
    )


def open_topic(
    connection: Connection, state: TopicState, gone: Mapping[int, int | None]
) -> OpenedTopic:
    """Finds where to read a topic on, and records what is missing; belongs to one transaction.

    `gone` are the partitions whose next offset the brokers did not have when it was requested, as
    `OffsetsGoneError` gives them.
    """
    known = _lock_or_create(connection, state)
    lineage = read_lineage(connection, state.name, known.incarnation if known else 0)
    opened = decide(state, known, lineage, read_offsets(connection, state.name), gone)
    if opened.lineage.incarnation != lineage.incarnation:
        _start_incarnation(connection, state, opened.lineage.incarnation)
    write_gaps(connection, opened.gaps)
    write_offsets(connection, state.name, opened.positions)
    return opened


def decide(
    state: TopicState,
    known: KnownTopic | None,
    lineage: Lineage,
    stored: Mapping[int, Position],
    gone: Mapping[int, int | None],
) -> OpenedTopic:
    """Returns where to read a topic on, which incarnation it is, and what is missing.

    New partitions are read from their beginning. So is a recreated topic, in another incarnation;
    without an id of the brokers, a topic counts as recreated when a log lost its end. With an id,
    only that partition is read on from where its log ends or differs from what was landed. Where
    offsets are not exact, a listed beginning proves nothing; the reader finds out what is missing.
    """
    gaps: list[Gap] = []
    shorter = {
        one: diverges_at
        for one, diverges_at in gone.items()
        if (state.beginnings[one] if diverges_at is None else diverges_at) < stored[one].next_offset
    }
    is_same = known is not None and known.topic_id is not None and known.topic_id == state.topic_id
    if is_recreated(known, state) or (
        not is_same and (shorter or not state.beginnings.keys() >= stored.keys())
    ):
        gaps += _gaps_of_deleted_topic(state.name, lineage, stored)
        lineage, stored = Lineage(lineage.incarnation + 1), {}
    else:
        for partition, diverges_at in sorted(shorter.items()):
            before = stored[partition]
            first = _first_lost(state, partition, before.next_offset, diverges_at)
            end = max(before.next_offset, before.high_watermark)
            place = _place(state.name, lineage, partition)
            gaps.append(Gap(*place, first, end, GapReason.TRUNCATED))
            lineage = lineage.truncated(partition, first)
            stored = {**stored, partition: Position(first, first)}
    begins = {
        one: offset if state.is_exact or one in gone else 0
        for one, offset in state.beginnings.items()
    }
    # Messages that were gone before the first landing of the topic are no gap.
    first_offsets = dict.fromkeys(begins, 0) if known else begins
    positions: dict[int, Position] = {}
    for partition, begin in sorted(begins.items()):
        first = first_offsets[partition]
        reached = stored.get(partition, Position(first, first))
        if begin > reached.next_offset:
            place = _place(state.name, lineage, partition)
            gaps.append(Gap(*place, reached.next_offset, begin, GapReason.EXPIRED))
            reached = Position(begin, max(begin, reached.high_watermark))
        positions[partition] = reached
    return OpenedTopic(state, lineage, positions, tuple(gaps))


def lock_topic(connection: Connection, opened: OpenedTopic) -> None:
    """Locks a topic for the rest of the transaction.

    Raises `TopicChangedError` when it is no longer of the lineage that was opened.
    """
    found = read_rows(connection, KnownTopic, f"{_KNOWN} for update", [opened.state.name])
    lineages = [read_lineage(connection, opened.state.name, one.incarnation) for one in found]
    if lineages != [opened.lineage]:
        raise TopicChangedError(
            f"Another run found that the topic {opened.state.name} was recreated or truncated; "
            "this run gives way, and the next continues."
        )


def missing_offsets(opened: OpenedTopic, skipped: Iterable[SkippedOffsets]) -> list[Gap]:
    """Returns the skipped offsets at which messages may be missing, as gaps.

    In a topic without compaction only unreadable ones are: there, other offsets are skipped by
    transaction markers and aborted transactions.
    """
    is_complete = opened.state.cleanup_policy == "delete"
    return [
        Gap(
            *_place(opened.state.name, opened.lineage, one.partition),
            one.first_offset,
            one.next_offset,
            GapReason(one.unreadable or GapReason.MISSING),
        )
        for one in skipped
        if one.unreadable or not is_complete
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


def _first_lost(state: TopicState, partition: int, landed: int, diverges_at: int | None) -> int:
    """Returns the first offset of a truncated log that is not what was landed.

    Brokers without leader epochs do not know; then it is the log's end. If the log has grown beyond
    what was landed meanwhile, all of it counts: rather are messages landed twice than not at all.
    """
    if diverges_at is not None:
        return diverges_at
    end = state.ends[partition]
    return end if end < landed else state.beginnings[partition]


def _place(topic: str, lineage: Lineage, partition: int) -> tuple[str, int, int, int]:
    """Returns the fields of a gap that say where it is, but for the offsets."""
    return topic, lineage.incarnation, partition, lineage.count(partition)


def _gaps_of_deleted_topic(
    topic: str, lineage: Lineage, stored: Mapping[int, Position]
) -> Iterable[Gap]:
    """Returns the messages that were known to exist and were deleted with the old topic."""
    for partition, one in sorted(stored.items()):
        if one.high_watermark > one.next_offset:
            place = _place(topic, lineage, partition)
            yield Gap(*place, one.next_offset, one.high_watermark, GapReason.TOPIC_RECREATED)
